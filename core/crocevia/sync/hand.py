"""What a person does from the command line or a page: one transaction like any other, with `person` as its origin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from crocevia.connector import Connector
from crocevia.store import decisions
from crocevia.sync import announce
from crocevia.sync.batch import Batch
from crocevia.sync.world import Live, World

PERSON = decisions.PERSON


@frozen
class _NoSettings:
    """A person has none."""


class _Hand(Connector[_NoSettings]):
    """The road on which a person's decisions come in."""

    kind = PERSON

    def parse(self, raw: Any, context: Any) -> tuple[()]:
        """Nothing comes in on it by itself."""
        return ()


@contextmanager
def by_hand(world: World) -> Iterator[Batch]:
    """Change profiles, bindings and the log in one transaction; leaving the block commits everything or nothing.

    Raises:
        StoreError: the store cannot take it; nothing was changed.
    """
    world.listened = world.listened or announce.heard(world)
    with world.store.writing() as transaction:
        batch = Batch(world, Live(PERSON, _Hand(_NoSettings(), connection=PERSON)), transaction)
        yield batch
        batch.flush()
