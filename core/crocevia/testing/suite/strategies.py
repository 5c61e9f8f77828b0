"""Hypothesis strategies for lenses: canonical values, and remote values that a person can enter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from crocevia.mapping import AS_IS, CODECS, Children, Codec, FullName, Lens, Names, Plain, Reference, Slots
from crocevia.model import ContactPoint, ObjectSchema

# No surrogates, no control characters: no field of a form takes them. Spaces at the ends are trimmed by any.
_LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
_WORDS = st.sampled_from(
    ["Ada", "Lovelace", "de la Cruz", "李", "Nguyễn", "O'Brien", "Ünal", "🐈", "Unknown", "so long " * 40]
)
_LONGEST = 20  # of what is made up letter by letter
_ABSENT = object()
_USUAL = {"mobile": ("phone", "mobile"), "work": ("phone", "work"), "main": ("email", "main")}
"""Places of contact points, for a set lens of a connector's own."""


def text(limit: int | None = None) -> st.SearchStrategy[str]:
    """A text that somebody typed: not blank, trimmed, no longer than the field."""
    typed = st.one_of(_WORDS, st.text(_LETTERS, min_size=1, max_size=min(limit or _LONGEST, _LONGEST)))
    trimmed = typed.map(str.strip)
    return trimmed.filter(lambda found: found and (limit is None or len(found) <= limit))


def canonical(lens: Lens) -> st.SearchStrategy[dict[str, Any]]:
    """Our values of the lens's fields: absent, cleared, empty or full."""
    if lens.is_set and lens.fields == ("contact_points",):
        points = st.lists(_point(lens), max_size=6, unique_by=lambda point: (point.kind, point.value)).map(tuple)
        return _record({"contact_points": st.one_of(points, st.none())})
    if isinstance(lens, Plain):
        return _record({lens.name: st.one_of(_of_codec(lens.codec), st.none())})
    return _record({name: st.one_of(text(), st.none(), st.just("")) for name in lens.fields})


def remote(lens: Lens, schema: ObjectSchema | None) -> st.SearchStrategy[dict[str, Any]] | None:
    """What a person can enter; None where only the connector knows (a codec or lens of its own)."""
    if isinstance(lens, Slots):
        return st.fixed_dictionaries({name: st.one_of(text(_limit(lens, name)), st.none()) for name in lens.places})
    if isinstance(lens, Children):
        row = st.tuples(st.sampled_from(sorted(lens.types)), _address()).map(list)
        return st.lists(row, max_size=6).map(lambda rows: {lens.field: sorted(rows)})
    if isinstance(lens, Names):
        given = st.one_of(text(_limit(lens, lens.given)), st.none())
        return st.fixed_dictionaries({lens.given: given, lens.family: text(_limit(lens, lens.family))})
    if isinstance(lens, FullName):
        empty = st.nothing() if lens.placeholder else st.none()
        return st.fixed_dictionaries({lens.field: st.one_of(text(_limit(lens, lens.field)), empty)})
    if isinstance(lens, Reference):
        return st.fixed_dictionaries({lens.field: st.one_of(_ids(), st.none())})
    return _entered(lens, schema) if isinstance(lens, Plain) else None


def _entered(lens: Plain, schema: ObjectSchema | None) -> st.SearchStrategy[dict[str, Any]] | None:
    described = schema.fields.get(lens.field) if schema else None
    required = described is not None and described.required
    empty = st.nothing() if required or lens.default is not None else st.none()
    values: st.SearchStrategy[Any] | None = _typed(lens)
    if lens.codec.options is not None:
        values = st.sampled_from(sorted(lens.codec.options.values()))
    if lens.allowed is not None:
        values = st.sampled_from(sorted(lens.allowed))
        if lens.is_set:
            values = st.lists(values, min_size=1, max_size=4, unique=True).map(lens.codec.to_remote)
    elif described is not None and described.options is not None:
        values = st.sampled_from(described.options)
    return None if values is None else st.fixed_dictionaries({lens.field: st.one_of(values, empty)})


def _typed(lens: Plain) -> st.SearchStrategy[Any] | None:
    known: Mapping[int, st.SearchStrategy[Any]] = {
        id(AS_IS): text(_limit(lens, lens.field)),
        id(CODECS["text"]): text(_limit(lens, lens.field)),
        id(CODECS["integer"]): st.integers(-(10**15), 10**15),
        id(CODECS["decimal"]): _numbers(),
        id(CODECS["boolean"]): st.booleans(),
        id(CODECS["date"]): st.dates().map(lambda day: day.isoformat()),
        id(CODECS["datetime"]): _moments().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"),
        id(CODECS["semicolon list"]): _entered_tags(_limit(lens, lens.field)),
        id(CODECS["list"]): st.lists(_tag(), min_size=1, max_size=4),
    }
    return known.get(id(lens.codec))


def _of_codec(codec: Codec) -> st.SearchStrategy[Any]:
    """Our values of a codec's type; for a codec of a connector's own, values of every type there is."""
    known: Mapping[int, st.SearchStrategy[Any]] = {
        id(AS_IS): st.one_of(text(), st.just("")),
        id(CODECS["text"]): st.one_of(text(), st.just("")),
        id(CODECS["integer"]): st.integers(-(10**15), 10**15),
        id(CODECS["decimal"]): st.decimals(allow_nan=False, allow_infinity=False, places=4).map(
            lambda n: format(n, "f")
        ),
        id(CODECS["boolean"]): st.booleans(),
        id(CODECS["date"]): st.dates().map(lambda day: day.isoformat()),
        id(CODECS["datetime"]): _moments(),
        id(CODECS["semicolon list"]): st.lists(_tag(), max_size=4, unique=True).map(tuple),
        id(CODECS["list"]): st.lists(_tag(), max_size=4, unique=True).map(tuple),
    }
    if codec.options is not None:
        return st.one_of(st.sampled_from(sorted(codec.options)), text())
    return known.get(id(codec), st.one_of(text(), _moments(), st.integers(0, 10**6), st.booleans()))


def _record(values: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the keys: a missing one was never known."""
    full = st.fixed_dictionaries({name: st.one_of(value, st.just(_ABSENT)) for name, value in values.items()})
    return full.map(lambda found: {name: value for name, value in found.items() if value is not _ABSENT})


def _point(lens: Lens) -> st.SearchStrategy[ContactPoint]:
    found = lens.types if isinstance(lens, Children) else getattr(lens, "places", _USUAL)
    places = sorted(set(found.values()))
    kinds = [*{kind: None for kind, _ in places}, "whatsapp"]
    slots = [*dict.fromkeys(slot for _, slot in places), "", "other"]
    return st.builds(
        ContactPoint,
        kind=st.sampled_from(kinds),
        scope=st.just(""),
        value=_address(),
        verified=st.booleans(),
        slot=st.one_of(st.sampled_from(slots), st.just(" ".join(slots[:2]))),
        shown=st.one_of(st.just(""), _address()),
    )


def _address() -> st.SearchStrategy[str]:
    """Few different ones, so that two fields often hold the same; in the form that any CRM leaves alone."""
    return st.sampled_from(["+393331234567", "+390111234567", "+16505551234", "ada@example.org", "bob@example.org"])


def _ids() -> st.SearchStrategy[str]:
    return st.text("0123456789ABCxyz", min_size=1, max_size=18)


def _numbers() -> st.SearchStrategy[float | int]:
    return st.one_of(
        st.integers(-(10**12), 10**12),
        st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=2).map(float),
    )


def _moments() -> st.SearchStrategy[datetime]:
    start = datetime(1990, 1, 1, tzinfo=UTC)
    return st.integers(0, 4 * 10**12).map(lambda ms: start + timedelta(milliseconds=ms))


def _tag() -> st.SearchStrategy[str]:
    return st.sampled_from(["VIP", "Gold", "press", "vip", "àccent", "two words"])


def _entered_tags(limit: int | None) -> st.SearchStrategy[str]:
    joined = st.lists(_tag(), min_size=1, max_size=4).flatmap(
        lambda tags: st.sampled_from([";".join(tags), "; ".join(tags)])
    )
    return joined.filter(lambda found: limit is None or len(found) <= limit)


def _limit(lens: Lens, name: str) -> int | None:
    return lens.limits.get(name)
