"""What a conversation cannot carry is made to fit, or refused with the reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crocevia import ContactPoint, Message, Template
from crocevia.model import Attachment, Button, Capabilities
from crocevia.sync.audience import audience
from crocevia.sync.degrade import fit, mime_type, part_of
from crocevia.sync.pieces import split

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = ContactPoint("phone", "", "+393331234567")
PHOTO = Attachment(kind="image", key="m1", mime_type="image/jpeg", size_bytes=1000)
CHOICES = [Button(title="Yes", id="y"), Button(title="No")]
ROOMY: dict[str, Any] = {"buttons": 3, "media": {"image/": 5000}, "subject": True, "templates": True}


def fitted(message: dict[str, Any], **limits: Any) -> Any:
    """What goes out for a message: `(id, text, files, choices)` of each part, or the reason why nothing does."""
    made = fit(Message(id="i1", to=ADA, **message), Capabilities(**limits), NOW)
    if isinstance(made, str):
        return made
    return [(one.id, one.text, len(one.attachments), [button.title for button in one.buttons]) for one in made]


@pytest.mark.parametrize(
    ("message", "limits", "expected"),
    [
        ({"text": "Hi"}, {}, [("i1", "Hi", 0, [])]),
        ({"text": "Which?", "buttons": CHOICES}, ROOMY, [("i1", "Which?", 0, ["Yes", "No"])]),
        ({"text": "Which?", "buttons": CHOICES}, {"buttons": 1}, [("i1", "Which?\n\n1. Yes\n2. No", 0, [])]),
        ({"text": "?", "buttons": [Button(title="a" * 21)]}, ROOMY, [("i1", "?\n\n1. " + "a" * 21, 0, [])]),
        ({"text": "Hi", "subject": "Order"}, {}, [("i1", "Order\n\nHi", 0, [])]),
        ({"text": "Hi", "subject": "Order"}, {"subject": True}, [("i1", "Hi", 0, [])]),
        ({"text": "One. Two three"}, {"max_text": 9}, [("i1", "One.", 0, []), ("i1.2", "Two three", 0, [])]),
        (
            {"text": "Hi", "attachments": (PHOTO, PHOTO)},
            ROOMY,
            [("i1", "Hi", 1, []), ("i1.2", None, 1, [])],
        ),
        ({"attachments": (PHOTO, PHOTO)}, {**ROOMY, "max_attachments": 2}, [("i1", None, 2, [])]),
        (
            {"text": "Which?", "attachments": (PHOTO,), "buttons": CHOICES},
            ROOMY,
            [("i1", None, 1, []), ("i1.2", "Which?", 0, ["Yes", "No"])],
        ),
        (
            {"text": "long words", "attachments": (PHOTO, PHOTO)},
            {**ROOMY, "max_text": 5},
            [("i1", "long", 1, []), ("i1.2", "words", 0, []), ("i1.3", None, 1, [])],
        ),
        ({"template": Template(name="order", language="it")}, ROOMY, [("i1", None, 0, [])]),
        ({"kind": "call"}, {}, [("i1", None, 0, [])]),
    ],
)
def test_a_message_is_made_to_fit(message: dict[str, Any], limits: dict[str, Any], expected: Any) -> None:
    """Each part has an id of its own; nothing that was said is left out."""
    assert fitted(message, **limits) == expected


@pytest.mark.parametrize(
    ("message", "limits", "reason"),
    [
        ({}, {}, "an empty message"),
        ({"text": " \n"}, {}, "an empty message"),
        ({"buttons": CHOICES}, ROOMY, "choices need a text that asks for them"),
        ({"text": "?", "buttons": [Button(title=" ")]}, ROOMY, "a choice without a title"),
        ({"text": "a" * 11}, {"max_text": 10, "max_parts": 1}, "the text is longer than 10 characters: shorten it"),
        (
            {"text": "a" * 21},
            {"max_text": 10, "max_parts": 2},
            "the text is longer than 2 messages of 10 characters: shorten it",
        ),
        ({"text": "Hi", "attachments": (PHOTO,)}, {}, "this channel carries no image/jpeg"),
        (
            {"attachments": (PHOTO,)},
            {"media": {"image/": 5}, "max_attachments": 0},
            "this channel carries no image/jpeg",
        ),
        (
            {"attachments": (PHOTO,)},
            {"media": {"image/": 999, "image/png": 5000}},
            "this channel carries image/jpeg up to 999 bytes, and the file has 1000",
        ),
        ({"attachments": (Attachment(kind="location", detail="45,7"),)}, ROOMY, "this channel carries no location"),
        ({"template": Template(name="order", language="it")}, {}, "this channel has no templates"),
        ({"template": Template(name=" ", language="it")}, ROOMY, "a template needs its name and its language"),
        (
            {"text": "Hi", "last_inbound_at": NOW - timedelta(hours=25)},
            {"reply_window": timedelta(hours=24)},
            "the customer has not written in the last 24 hours: only a template may be sent",
        ),
    ],
)
def test_what_cannot_be_made_to_fit_is_refused_with_the_reason(
    message: dict[str, Any], limits: dict[str, Any], reason: str
) -> None:
    """Nothing of it goes out."""
    assert fitted(message, **limits) == reason


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (Attachment(kind="document", mime_type="Application/PDF; charset=binary"), "application/pdf"),
        (Attachment(kind="document", name="bill.pdf"), "application/pdf"),
        (Attachment(kind="image", url="https://x.example/a/photo.png?size=2"), "image/png"),
        (Attachment(kind="image", url="https://x.example/photo"), None),
    ],
)
def test_the_type_of_a_file_is_what_it_says_or_what_its_name_stands_for(file: Attachment, expected: str | None) -> None:
    """A type in capitals, or with parameters, is the same type."""
    assert mime_type(file) == expected


# --- splitting


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("", 5, []),
        (" as it is ", 10, [" as it is "]),
        ("One par.\n\nAnother one here.", 20, ["One par.", "Another one here."]),
        ("first line of it\nthe second", 20, ["first line of it", "the second"]),
        ('He said "Go." Then he left', 16, ['He said "Go."', "Then he left"]),
        (
            "\u4f60\u597d\u3002\u518d\u89c1\u3002\u8c22\u8c22",
            7,
            ["\u4f60\u597d\u3002\u518d\u89c1\u3002", "\u8c22\u8c22"],
        ),
        ("many words without an end", 11, ["many words", "without an", "end"]),
        ("a" * 7, 3, ["aaa", "aaa", "a"]),
        ("abc\u0301def", 3, ["ab", "c\u0301d", "ef"]),
        ("xx\U0001f468\u200d\U0001f469yy", 4, ["xx", "\U0001f468\u200d\U0001f469y", "y"]),
        ("ab\U0001f44d\U0001f3fd", 3, ["ab", "\U0001f44d\U0001f3fd"]),
    ],
)
def test_a_long_text_is_cut_where_it_hurts_least(text: str, longest: int, expected: list[str]) -> None:
    """Paragraphs, lines, sentences, words; never within what a person sees as one character."""
    assert split(text, longest, 10) == expected


@given(
    st.text(alphabet=st.sampled_from("ab .!\n\t\u3002\u0301\u200d\U0001f1ee\U0001f1f9\U0001f3fd"), max_size=120),
    st.integers(1, 20),
    st.integers(1, 12),
)
def test_splitting_loses_nothing_but_space_and_keeps_to_its_limits(text: str, longest: int, most: int) -> None:
    """And a text is refused only when words alone do not fit into so many pieces either."""
    pieces = split(text, longest, most)
    if pieces is None:
        assert len(text.strip()) > longest
        assert most * longest < 2 * len(text) + longest
    else:
        assert [piece for piece in pieces if len(piece) > longest] == []
        assert len(pieces) <= max(most, 1)
        assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_part_is_found_by_what_the_channel_hands_back() -> None:
    """Also where an id of ours has a dot for another reason."""
    assert [part_of(one) for one in ("iabc", "iabc.2", "iabc.x", "a.b.12")] == [
        ("iabc", 1),
        ("iabc", 2),
        ("iabc.x", 1),
        ("a.b", 12),
    ]


# --- public and private


_CASES = st.fixed_dictionaries(
    {"asked": st.sampled_from([None, False, True]), "of_public": st.booleans(), "by_default": st.booleans()}
)


@given(_CASES, st.builds(Capabilities, public=st.booleans(), private=st.booleans()))
def test_a_private_text_is_never_answered_in_public(case: dict[str, Any], limits: Capabilities) -> None:
    """Nor is anything said in public that nobody wants there, nor in private where that cannot be kept."""
    found = audience(**case, limits=limits)
    if found is True:
        assert case["of_public"]
        assert limits.public
        assert case["asked"] or (case["asked"] is None and case["by_default"])
    elif found is False:
        assert limits.private
        assert not case["asked"]
    else:
        assert found != ""
