"""The quick ways of doing a thing give what the plain ways give."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crocevia import Raw
from crocevia.errors import MalformedError
from crocevia.mapping import CODECS, Names, ObjectMapping, Plain, Reference
from crocevia.model import strict_json

LENSES = [
    Reference(field="Contact", object="Contact"),
    Plain(name="text", field="Body", limits={"Body": 5}),
    Plain(name="subject", field="Title", default="none", limits={"Title": 3}),
    Names(given="First", family="Last"),
    Plain(name="loyalty", field="Points", codec=CODECS["decimal"]),
    Plain(name="score", field="Score", direction="from crm"),
    Plain(name="other", field="Body"),
]
MAPPING = ObjectMapping(object="Thing", of="interaction", lenses=LENSES)
_TEXTS = st.one_of(st.none(), st.just(""), st.text(max_size=8))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "profile": _TEXTS,
            "text": _TEXTS,
            "subject": _TEXTS,
            "given_name": _TEXTS,
            "display_name": _TEXTS,
            "loyalty": st.sampled_from([None, "1", "2.50"]),
            "score": _TEXTS,
            "other": _TEXTS,
        },
    )
)
def test_a_mapping_encodes_as_its_lenses_do_one_by_one(canonical: dict[str, Any]) -> None:
    """Absent, cleared and empty values, defaults, limits, and two lenses over one field."""
    expected: dict[str, Any] = {}
    for lens in LENSES:
        if lens.direction != "from crm":
            expected.update(lens.encode(canonical))

    actual = MAPPING.encode(canonical)

    assert actual == expected


@given(
    st.dictionaries(st.sampled_from(["Body", "Title", "Elsewhere"]), st.sampled_from([None, "", "a", 0, False, []])),
    st.dictionaries(st.sampled_from(["Body", "Title", "Elsewhere"]), st.sampled_from([None, "", "a", 0, False, []])),
)
def test_what_differs_is_what_the_lenses_call_different(values: dict[str, Any], seen: dict[str, Any]) -> None:
    """Nothing there is the same as None, "" and an empty list; 0 and False are values."""
    expected = {name: value for name, value in values.items() if not MAPPING.same(name, value, seen.get(name))}

    assert MAPPING.differing(values, seen) == expected


def _read(body: bytes, *, quick: bool) -> Any:
    raw = Raw(connection="c", kind="k", body=body, received_at=datetime(2026, 1, 1, tzinfo=UTC))
    try:
        return raw.json() if quick else raw._examined()  # noqa: SLF001 - the slow way, to compare with
    except MalformedError as error:
        return str(error)


_LEAVES = st.sampled_from(
    ['"a"', '"\\""', '"\\u005c"', '"\\\\"', '"\\u0022"', "1", "null", '"é"', "NaN", '"\\ud800"', "{}"]
)
_KEYS = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"c\\""', '"\\u005c"'])
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(_KEYS, inner), max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
        ),
    ),
)


@given(_JSON.map(str.encode))
def test_json_read_quickly_is_json_read_strictly(body: bytes) -> None:
    """The same value, or the same refusal: keys that are there twice hide from neither, however they are escaped."""
    assert _read(body, quick=True) == _read(body, quick=False)


@pytest.mark.parametrize("levels", [63, 64, 65, 5_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}"), ('[{},"[",', "]")])
def test_depth_is_counted_alike(levels: int, pair: tuple[str, str]) -> None:
    """At the limit, just past it, and far beyond what a decoder can bear."""
    body = (pair[0] * levels + "[]" + pair[1] * levels).encode()

    assert _read(body, quick=True) == _read(body, quick=False)


def test_an_ordinary_body_needs_no_second_reading() -> None:
    """Else the quick way would be a detour."""
    body = json.dumps({"entry": [{"id": "1", "text": 'say "yes" / \u00e9'}]}).encode()

    assert strict_json.quick(body, 64) is not strict_json.IN_DOUBT
