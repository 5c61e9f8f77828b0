"""What is encoded, written and read again is what was encoded: nothing is left to be put right for ever."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import ContactPoint, Write, Written
from crocevia.mapping import ObjectMapping
from crocevia_tryton.connector import Tryton
from crocevia_tryton.lenses import mappings

PARTIES, INTERACTIONS = mappings()
_numbers = count(1)
_few = settings(
    max_examples=10,
    deadline=None,
    # each example is one batch on one server; the first text drawn makes hypothesis read the Unicode tables
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)

_text = st.text(max_size=60) | st.sampled_from(
    ["  blanks  ", "a\tb\r\nc\n", "\N{COMBINING ACUTE ACCENT}e", "'\"%_\\", "0"]
)
_phone = st.sampled_from(["+393471234567", "+390118192730", "+15550001", "+4930123456", "+5511987654321", "+393330"])
_mail = st.sampled_from(
    ["ada@example.com", "a.b+c@Example.ORG", "ünï@exämple.de", "odd@localhost", '"q q"@example.com']
)
_point = st.one_of(
    st.builds(
        lambda v, s, t: ContactPoint("phone", "", v, slot=s, shown=t),
        _phone,
        st.sampled_from(["", "mobile", "work"]),
        _text,
    ),
    st.builds(lambda v, s: ContactPoint("email", "", v.lower(), slot=s, shown=v), _mail, st.sampled_from(["", "main"])),
    st.just(ContactPoint("whatsapp", "page", "3934")),
)
_person = st.fixed_dictionaries(
    {},
    optional={
        "given_name": st.none() | _text,
        "family_name": st.none() | _text,
        "display_name": st.none() | _text,
        "language": st.sampled_from([None, "it", "pt-BR", "tlh"]),
        "contact_points": st.lists(_point, max_size=4, unique=True).map(tuple),
    },
)
_interaction = st.fixed_dictionaries(
    {
        "direction": st.sampled_from(["inbound", "outbound", "internal"]),
        "kind": st.sampled_from(["message", "call", "note"]),
        "at": st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
        "text": st.none() | _text,
        "status": st.sampled_from([None, "to send", "sent", "read", "removed"]),
    },
    optional={
        "subject": st.none() | _text,
        "author": st.none() | _text,
        "conversation": st.none() | _text,
        "status_detail": st.none() | _text,
        "attachments": st.none() | _text,
        "duration_s": st.none() | st.floats(0, 1e6),
    },
)


def _at_rest(tryton: Tryton, mapping: ObjectMapping, canonicals: list[dict[str, Any]]) -> None:
    expected = [mapping.encode(canonical) for canonical in canonicals]
    assert mapping.key is not None
    keys = [f"rest-{next(_numbers)}" for _ in expected]
    outcomes = tryton.write(
        [
            Write(object=mapping.object, operation="upsert", key=key, values={**values, mapping.key: key})
            for key, values in zip(keys, expected, strict=True)
        ]
    )
    ids = [outcome.id for outcome in outcomes if isinstance(outcome, Written)]
    records = {record.id: record.values for record in tryton.fetch(mapping.object, ids, mapping.remote_fields)}

    assert [type(outcome) for outcome in outcomes] == [Written] * len(keys)
    for id_, values, canonical in zip(ids, expected, canonicals, strict=True):
        assert {name: records[id_][name] or None for name in values} == {name: v or None for name, v in values.items()}
        assert [lens.decode(records[id_], canonical) for lens in mapping.lenses] == [{}] * len(mapping.lenses)


@_few
@given(canonicals=st.lists(_person, min_size=1, max_size=12))
def test_parties_rest_as_they_were_encoded(tryton: Tryton, canonicals: list[dict[str, Any]]) -> None:
    """Whatever the names, numbers and addresses."""
    _at_rest(tryton, PARTIES, canonicals)


@_few
@given(canonicals=st.lists(_interaction, min_size=1, max_size=12))
def test_interactions_rest_as_they_were_encoded(tryton: Tryton, canonicals: list[dict[str, Any]]) -> None:
    """Whatever the texts and times."""
    _at_rest(tryton, INTERACTIONS, canonicals)
