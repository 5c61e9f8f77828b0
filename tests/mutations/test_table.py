"""The table of mutations follows the code: what `make mutations` would change is there, and so are its tests."""

import re

import pytest

from tests.mutations.mutation import ROOT, Mutation
from tests.mutations.table import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.file}: {one.why}"[:100])
def test_a_mutation_can_be_made(mutation: Mutation) -> None:
    """Its text stands in the file once, the result is Python, and the tests that it names exist."""
    compile(mutation.applied(), mutation.file, "exec")
    assert mutation.ids != []
    for id_ in mutation.ids:
        path, _, name = id_.partition("::")
        assert re.search(
            rf"^def {name.partition('[')[0]}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
        ), id_


def test_nothing_is_mutated_twice() -> None:
    """Each row takes something else away."""
    assert len({(one.file, one.old, one.new) for one in MUTATIONS}) == len(MUTATIONS)
