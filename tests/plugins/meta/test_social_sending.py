"""Answers on a page and an Instagram account, over HTTP to a strict vendor, and what its refusals decide."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia import Attachment, Button, ContactPoint, Message, Secret, Template
from crocevia.errors import AuthError, GoneError, RejectedError, UndeliverableError
from crocevia.testing import FakeClock
from crocevia_meta import FacebookPage, Instagram, Messenger
from crocevia_meta.facebook_page import Settings as PageSettings
from crocevia_meta.instagram import Settings as InstagramSettings
from crocevia_meta.messenger import Settings as MessengerSettings
from crocevia_meta.simulator.social import RunningSocial, SocialSettings, running_social

SECRETS: dict[str, Any] = {name: Secret(name) for name in ("app_secret", "access_token", "verify_token")}
PAGE, ACCOUNT = "1065000000000001", "17841400000000001"


@pytest.fixture
def clock() -> FakeClock:
    """The connectors' clock, which starts at the real time, as the vendor's."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
def social() -> Iterator[RunningSocial]:
    """A page and an account that deliver nowhere."""
    settings = SocialSettings(app_secret=SECRETS["app_secret"], access_token=SECRETS["access_token"])
    with running_social(settings) as running:
        yield running


def messenger(social: RunningSocial, clock: FakeClock, **more: Any) -> Messenger:
    """Of the page."""
    return Messenger(MessengerSettings(page_id=PAGE, base_url=social.url, **SECRETS, **more), clock=clock)


def instagram(social: RunningSocial, clock: FakeClock) -> Instagram:
    """Of the account."""
    return Instagram(InstagramSettings(account_id=ACCOUNT, base_url=social.url, **SECRETS), clock=clock)


def page(social: RunningSocial, clock: FakeClock, **more: Any) -> FacebookPage:
    """Of the page."""
    return FacebookPage(PageSettings(page_id=PAGE, base_url=social.url, **{**SECRETS, **more}), clock=clock)


def to_anna(social: RunningSocial, clock: FakeClock, place: str = "page", **more: Any) -> Message:
    """An answer to Anna, who has just written."""
    kind, account = ("messenger", PAGE) if place == "page" else ("instagram", ACCOUNT)
    to = ContactPoint(kind, account, social.people.person(place, "Anna"))
    return Message(id="c1", to=to, last_inbound_at=clock.now(), **{"text": "Sì", **more})


def test_an_answer_on_messenger_is_taken_with_its_choices(social: RunningSocial, clock: FakeClock) -> None:
    """It quotes what it answers, and carries our id for its echo."""
    asked = social.people.message("Anna", "Quando?")
    buttons = (Button(title="Oggi", id="d0"), Button(title="Domani"))
    receipt = messenger(social, clock).send(to_anna(social, clock, in_reply_to=asked, buttons=buttons))
    [said] = social.people.said()
    assert (said["id"], said["to"]) == (receipt.key, social.people.person("page", "Anna"))
    assert receipt.conversation == f"{PAGE}:{said['to']}"
    assert said["said"] == {
        "recipient": {"id": said["to"]},
        "messaging_type": "RESPONSE",
        "reply_to": {"mid": asked},
        "message": {
            "text": "Sì",
            "metadata": "crocevia/messenger/c1",
            "quick_replies": [
                {"content_type": "text", "title": "Oggi", "payload": "d0"},
                {"content_type": "text", "title": "Domani", "payload": "Domani"},
            ],
        },
    }


def test_an_answer_to_what_has_no_id_quotes_nothing(social: RunningSocial, clock: FakeClock) -> None:
    """The key of a reaction is our own: Meta would not know it."""
    social.people.message("Anna", "Ciao")
    messenger(social, clock).send(to_anna(social, clock, in_reply_to="reaction:m_1:7:1:react"))
    assert "reply_to" not in social.people.said()[0]["said"]


def test_after_a_day_only_a_person_answers(social: RunningSocial, clock: FakeClock) -> None:
    """With the human-agent tag, for seven days, where the settings say that Meta has granted it."""
    social.people.message("Anna", "Ciao")
    answer = evolve(to_anna(social, clock), last_inbound_at=clock.now() - timedelta(days=2))
    with pytest.raises(UndeliverableError, match="c1"):
        messenger(social, clock).send(answer)
    with pytest.raises(UndeliverableError):
        messenger(social, clock, human_agent=True).send(evolve(answer, automated=True))
    messenger(social, clock, human_agent=True).send(answer)
    said = social.people.said()[0]["said"]
    assert (said["messaging_type"], said["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    late = evolve(answer, last_inbound_at=clock.now() - timedelta(days=8))
    with pytest.raises(UndeliverableError):
        messenger(social, clock, human_agent=True).send(late)


def test_a_window_that_only_meta_knows_to_be_closed_pauses_nothing(social: RunningSocial, clock: FakeClock) -> None:
    """Meta says "no permission" (10), and by its subcode that it is this customer's window."""
    social.people.message("Anna", "Ciao")
    social.people.close_window("page", "Anna")
    with pytest.raises(UndeliverableError, match="window"):
        messenger(social, clock).send(to_anna(social, clock))


def test_files_go_by_url(social: RunningSocial, clock: FakeClock) -> None:
    """One a message, without a text."""
    social.people.message("Anna", "Ciao")
    file = Attachment(kind="document", url="https://shop.example/f.pdf", name="f.pdf")
    messenger(social, clock).send(to_anna(social, clock, text=None, attachments=(file,)))
    assert social.people.said()[0]["said"]["message"]["attachment"] == {
        "type": "file",
        "payload": {"url": "https://shop.example/f.pdf"},
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"text": None},
        {"attachments": (Attachment(kind="image", url="https://a.example/1"),)},
        {"text": None, "attachments": (Attachment(kind="image"),)},
        {"text": None, "attachments": (Attachment(kind="order", key="1"),)},
        {"template": Template(name="t", language="it")},
    ],
    ids=["empty", "text and file", "nowhere", "no file", "template"],
)
def test_what_one_message_cannot_hold_is_refused(changed: Any, social: RunningSocial, clock: FakeClock) -> None:
    """Nothing is dropped in silence, and nothing goes out."""
    with pytest.raises(RejectedError, match="message c1"):
        messenger(social, clock).send(to_anna(social, clock, **changed))
    assert social.people.said() == []


def test_nobody_of_another_page_is_written_to(social: RunningSocial, clock: FakeClock) -> None:
    """A page-scoped id means somebody else there, even where somebody here has the same."""
    social.people.message("Anna", "Ciao")
    elsewhere = ContactPoint("messenger", "1065000000000099", social.people.person("page", "Anna"))
    for wrong in (elsewhere, ContactPoint("phone", "", "+393331112233")):
        with pytest.raises(UndeliverableError):
            messenger(social, clock).send(evolve(to_anna(social, clock), to=wrong))


def test_a_comment_is_answered_where_others_read_it(social: RunningSocial, clock: FakeClock) -> None:
    """Only when the message is public."""
    comment = social.people.comment("Anna", "Quanto costa?")
    answer = to_anna(social, clock, conversation=f"comment:{comment}", in_reply_to=comment, public=True)
    receipt = page(social, clock).send(answer)
    [said] = social.people.said()
    assert (said["id"], said["to"], said["public"]) == (receipt.key, comment, True)
    assert receipt.conversation == f"comment:{comment}"


def test_what_is_private_is_answered_in_private_once_and_to_nobody_else(
    social: RunningSocial, clock: FakeClock
) -> None:
    """Under Anna's comment Bea has written: an answer to Bea goes to Bea, whatever comment it names."""
    anna = social.people.comment("Anna", "Quanto costa?")
    bea = social.people.comment("Bea", "Anche a me", under=anna)
    answer = to_anna(social, clock, conversation=f"comment:{bea}", in_reply_to=anna)
    page(social, clock).send(answer)
    [said] = social.people.said()
    assert (said["to"], said["public"]) == (social.people.person("page", "Bea"), False)
    assert said["said"]["message"]["metadata"] == "crocevia/facebook_page/c1"
    with pytest.raises(UndeliverableError, match="once"):
        page(social, clock).send(answer)
    with pytest.raises(UndeliverableError, match="7 days"):
        page(social, clock).send(evolve(answer, last_inbound_at=clock.now() - timedelta(days=8)))


def test_a_visitors_post_is_answered_too(social: RunningSocial, clock: FakeClock) -> None:
    """In private by the post's id, in public by a comment under it."""
    post = social.people.post("Anna", "Ottimo negozio")
    answer = to_anna(social, clock, conversation=f"post:{post}")
    page(social, clock).send(answer)
    page(social, clock).send(evolve(answer, id="c2", public=True))
    assert [said["public"] for said in social.people.said()] == [False, True]
    assert social.people.said()[0]["said"]["recipient"] == {"post_id": post}


def test_a_page_speaks_to_nobody_of_itself(social: RunningSocial, clock: FakeClock) -> None:
    """Without a comment or post there is nothing to answer."""
    for conversation in (None, "comment:", "1065000000000001:7"):
        with pytest.raises(UndeliverableError, match="name one"):
            page(social, clock).send(to_anna(social, clock, conversation=conversation))


def test_a_comment_that_is_gone_stops_one_answer_and_nothing_else(social: RunningSocial, clock: FakeClock) -> None:
    """Meta words it as it words a token without permission."""
    comment = social.people.comment("Anna", "Quanto costa?")
    social.people.remove(comment)
    for public in (True, False):
        answer = to_anna(social, clock, conversation=f"comment:{comment}", public=public)
        with pytest.raises(UndeliverableError):
            page(social, clock).send(answer)


def test_instagram_answers_messages_and_comments(social: RunningSocial, clock: FakeClock) -> None:
    """A direct message, a comment in public, and one in private, which goes on as a conversation."""
    social.people.direct("Anna", "Avete la 54?")
    comment = social.people.comment_on_instagram("Anna", "Bella!")
    channel = instagram(social, clock)
    direct = to_anna(social, clock, "instagram")
    public = evolve(direct, id="c2", conversation=f"comment:{comment}", public=True)
    private = evolve(public, id="c3", public=False)
    receipts = [channel.send(message) for message in (direct, public, private)]
    anna = social.people.person("instagram", "Anna")
    assert [(said["to"], said["public"]) for said in social.people.said()] == [
        (anna, False),
        (comment, True),
        (anna, False),
    ]
    assert [receipt.conversation for receipt in receipts] == [
        f"{ACCOUNT}:{anna}",
        f"comment:{comment}",
        f"{ACCOUNT}:{anna}",
    ]
    assert "metadata" not in social.people.said()[0]["said"]["message"]


def test_instagram_counts_bytes(social: RunningSocial, clock: FakeClock) -> None:
    """A thousand of them: as many letters, half as many accents."""
    social.people.direct("Anna", "Ciao")
    channel = instagram(social, clock)
    channel.send(to_anna(social, clock, "instagram", text="è" * 500))
    with pytest.raises(RejectedError, match="1000 bytes"):
        channel.send(to_anna(social, clock, "instagram", text="🚲" * 251))


def test_what_a_conversation_carries_is_said_of_each(social: RunningSocial, clock: FakeClock) -> None:
    """Instagram: choices in a conversation, none under a comment; in a mention nothing is private."""
    channel = instagram(social, clock)
    direct, comment, mention = map(channel.capabilities, (f"{ACCOUNT}:1", "comment:1", "mention:1:2"))
    assert (direct.buttons, direct.public, direct.private) == (13, False, True)
    assert (comment.buttons, comment.public, comment.private) == (0, True, True)
    assert (mention.public, mention.private) == (True, False)
    assert messenger(social, clock, human_agent=True).capabilities(None).reply_window == timedelta(days=7)
    both = page(social, clock).capabilities("comment:1")
    assert (both.public, both.private, both.reply_window) == (True, True, None)


def test_a_file_of_a_message_is_had_by_its_message(social: RunningSocial, clock: FakeClock) -> None:
    """Its URL has expired; the API gives another. What is gone is said to be."""
    files = [{"type": "image", "payload": {"url": f"https://cdn.example/{n}"}} for n in range(2)]
    mid = social.people.message("Anna", "Ecco", attachments=files)
    channel = messenger(social, clock)
    assert channel.media(Attachment(kind="image", key=f"{mid}:1")).url == "https://cdn.example/1"
    for gone in (
        Attachment(kind="image", key=f"{mid}:2"),
        Attachment(kind="image", key="m_9:0"),
        Attachment(kind="order"),
    ):
        with pytest.raises(GoneError):
            channel.media(gone)


def test_check_says_what_is_well_and_what_is_not(social: RunningSocial, clock: FakeClock) -> None:
    """The page, its subscription; the account; a token that is none."""
    found = [(finding.level, finding.what) for finding in messenger(social, clock).check()]
    assert found == [("ok", "page Bottega Crocevia"), ("problem", "webhooks")]
    social.people.webhook("http://127.0.0.1:9/")
    assert [finding.level for finding in page(social, clock).check()] == ["ok", "ok"]
    assert [finding.what for finding in instagram(social, clock).check()] == ["account bottega_crocevia"]
    [wrong] = page(social, clock, access_token=Secret("expired")).check()
    assert (wrong.level, wrong.what) == ("problem", "access_token")
    with pytest.raises(AuthError):
        page(social, clock, access_token=Secret("expired")).call("GET", f"/{PAGE}", what="the page")
