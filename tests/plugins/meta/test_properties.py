"""Whatever Meta or somebody else sends: events or MalformedError, never anything else."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import Event, Ignored, Unrecognised
from crocevia.errors import MalformedError

Parse = Callable[[bytes], list[Event]]
SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").glob("*.json") if "." not in path.stem)
BODIES = [json.loads(path.read_text()) for path in SAMPLES]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value in a place."""
    if not path:
        return value
    changed = copy.deepcopy(body)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


def keys(events: list[Event]) -> list[str]:
    """What the core would dedupe by, in order of the alphabet."""
    return sorted(event.dedupe_key for event in events if not isinstance(event, Ignored | Unrecognised))


@QUICK
@given(data=st.data())
def test_a_change_in_any_place_is_survived(data: st.DataObject, parse: Parse) -> None:
    """Any value in any place of any sample: every leaf is still one event, or the whole is malformed."""
    body = data.draw(st.sampled_from(BODIES))
    place = data.draw(st.sampled_from(list(places(body))))
    changed = put(body, place, data.draw(ANY_JSON))
    try:
        parse(json.dumps(changed).encode())
    except MalformedError:
        assert len(place) <= 1


@QUICK
@given(body=st.binary(max_size=60) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_other_body_is_malformed(body: bytes, parse: Parse) -> None:
    """Bytes and JSON that are no delivery."""
    with pytest.raises(MalformedError):
        parse(body)


@QUICK
@given(order=st.permutations(range(6)), seed=st.integers(0, 1000))
def test_order_and_repetition_change_no_key(order: list[int], seed: int, parse: Parse) -> None:
    """Shuffled and doubled leaves have the keys they had: a redelivery in other company is recognised."""
    body = next(body for path, body in zip(SAMPLES, BODIES, strict=True) if path.stem == "statuses")
    statuses = body["entry"][0]["changes"][0]["value"]["statuses"]
    shuffled = [statuses[index] for index in order]
    doubled = [*shuffled, *random.Random(seed).sample(shuffled, 3)]
    before = set(keys(parse(json.dumps(body).encode())))
    again = put(body, ("entry", 0, "changes", 0, "value", "statuses"), doubled)
    assert set(keys(parse(json.dumps(again).encode()))) == before


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_unknown_fields_are_overlooked(path: Path, parse: Parse) -> None:
    """A field that Meta adds tomorrow changes nothing."""

    def grown(node: Any) -> Any:
        if isinstance(node, dict):
            return {"crocevia_unknown": {"a": [1]}, **{key: grown(item) for key, item in node.items()}}
        return [grown(item) for item in node] if isinstance(node, list) else node

    body = json.loads(path.read_text())
    assert parse(json.dumps(grown(body)).encode()) == parse(path.read_bytes())
