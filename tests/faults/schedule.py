"""What happens in a run: people, their deeds, the daemon's lives and the troubles. A pure function of the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Literal

from attrs import field, frozen

StoreKind = Literal["sqlite", "postgresql"]
CUSTOMERS = 7
KNOWN = 4
"""So many customers have a contact in Salesforce from before; the others are strangers."""
LEAVER = CUSTOMERS - 1
"""The customer whose contact a colleague deletes."""
BYSTANDERS = 3
"""Contacts who never write; the last two are one person, and a colleague merges them."""
POINTS = (
    "journal.before_commit",
    "journal.committed",
    "intake.before_commit",
    "intake.committed",
    "pull.before_commit",
    "pull.committed",
    "push.claimed",
    "push.called",
    "push.before_record",
    "push.recorded",
    "send.claimed",
    "send.called",
    "send.before_record",
    "send.recorded",
)
"""Fault points of the core that every daemon comes by, as `CROCEVIA_FAULT` names them.

Those of a backfill, and of deletes and merges in CRMs that opt in, are killed in `tests/model`.
"""


@frozen(kw_only=True)
class Deed:
    """One thing that somebody does.

    Attributes:
        at_s: When, counted from the beginning of the run.
        verb: What; `deeds.py` knows them all.
        who: Number of the customer (or bystander) whom it is about.
        id: Names the message that it makes; "" where it makes none.
        of: The message it is about.
        text: What is said or typed; None clears.
        times: How often, of a repetition.
    """

    at_s: float
    verb: str
    who: int = 0
    id: str = ""
    of: str = ""
    text: str | None = ""
    times: int = 1


@frozen(kw_only=True)
class Trouble:
    """One fault from outside. `where`: a road or a daemon; `lasts_s` and `times` as its kind needs."""

    at_s: float
    kind: str
    where: str = ""
    lasts_s: float = 0.0
    times: int = 1


@frozen(kw_only=True)
class Life:
    """One life of a daemon, which ends by kill -9: so long after its start, or after it was ready, or at a place.

    Attributes:
        fault: `CROCEVIA_FAULT`; "": none. A life that never gets to the place ends `ready_s` after it was ready.
    """

    starting_s: float | None = None
    ready_s: float = 0.0
    fault: str = ""


@frozen(kw_only=True)
class Schedule:
    """One run. `lives`: of each daemon."""

    seed: int
    store: StoreKind
    tryton: bool
    seconds: float
    deeds: tuple[Deed, ...]
    troubles: tuple[Trouble, ...]
    lives: tuple[tuple[Life, ...], ...]
    numbers: tuple[str, ...] = field(factory=tuple)


def schedule(
    seed: int, *, store: StoreKind | None = None, tryton: bool | None = None, seconds: float = 12.0
) -> Schedule:
    """The run of a seed.

    Args:
        store: None: every third run is on PostgreSQL.
        tryton: Whether a Tryton takes part; None: in every fourth run.
        seconds: How long people are busy and things go wrong; the daemons' lives may take longer.
    """
    chance = random.Random(f"crocevia {seed}")
    kept: StoreKind = store or ("postgresql" if seed % 3 == 0 else "sqlite")
    with_tryton = seed % 4 == 2 if tryton is None else tryton
    daemons = 2 if kept == "postgresql" else 1
    numbers: dict[str, None] = {}
    while len(numbers) < CUSTOMERS + BYSTANDERS:
        numbers[f"39{chance.choice(('320', '333', '347', '391'))}{chance.randrange(1_000_000, 10_000_000)}"] = None
    return Schedule(
        seed=seed,
        store=kept,
        tryton=with_tryton,
        seconds=seconds,
        deeds=tuple(sorted(_deeds(chance, seed, seconds, tryton=with_tryton), key=lambda deed: deed.at_s)),
        troubles=tuple(sorted(_troubles(chance, kept, seconds, tryton=with_tryton), key=lambda one: one.at_s)),
        lives=tuple(tuple(_lives(chance, daemons)) for _ in range(daemons)),
        numbers=tuple(numbers),
    )


def _lives(chance: random.Random, daemons: int) -> Iterator[Life]:
    for number in range(14 if daemons == 1 else 6):
        how = chance.random()
        if how < 0.15 and number:  # the first one migrates the store, which takes longer
            yield Life(starting_s=chance.uniform(0.05, 0.6))
        elif how < 0.75:
            point = chance.choice(POINTS) if chance.random() < 0.85 else "*"
            yield Life(
                fault=f"{point}:{chance.choice((1, 1, 2)) if point != '*' else chance.randint(1, 25)}", ready_s=3
            )
        else:
            yield Life(ready_s=chance.uniform(0.05, 1.5))


# --- people -----------------------------------------------------------------------------------------------------------


def _deeds(chance: random.Random, seed: int, seconds: float, *, tryton: bool) -> Iterator[Deed]:
    for who in range(CUSTOMERS):
        yield from _talk(chance, seed, seconds, who, tryton=tryton)
        yield from _corrections(chance, seed, seconds, who, tryton=tryton)
    for number in range(3):
        yield Deed(at_s=chance.uniform(0.3, 1) * seconds, verb="repeat", who=number, times=chance.choice((2, 5, 20)))
    yield Deed(at_s=chance.uniform(0.3, 0.9) * seconds, verb="create", who=0, text=f"Nuova {seed}")
    yield Deed(at_s=chance.uniform(0.5, 0.9) * seconds, verb="delete", who=LEAVER)
    yield Deed(at_s=chance.uniform(0.2, 0.9) * seconds, verb="merge")
    if tryton:
        yield Deed(at_s=chance.uniform(0.3, 0.9) * seconds, verb="create in tryton", who=1, text=f"Nuovo {seed}")


def _talk(chance: random.Random, seed: int, seconds: float, who: int, *, tryton: bool) -> Iterator[Deed]:
    """What one customer and the shop have to say to each other."""
    moment: Callable[[], float] = lambda: chance.uniform(0, seconds)  # noqa: E731 - two words
    for number in range(chance.randint(3, 6)):
        id_, at_s = f"{who}.{number}", moment()
        yield Deed(at_s=at_s, verb="text", who=who, id=id_, text=f"text {seed}/{id_}")
        after = chance.random()
        if after < 0.2:
            yield Deed(at_s=at_s + 0.3, verb="edit", who=who, of=id_, text=f"edited {seed}/{id_}")
        elif after < 0.3:
            yield Deed(at_s=at_s + 0.2, verb="revoke", who=who, of=id_)
        elif after < 0.4:
            yield Deed(at_s=at_s + 0.2, verb="edit", who=who, of=id_, text=f"edited {seed}/{id_}")
            yield Deed(at_s=at_s + 1.4, verb="revoke", who=who, of=id_)
        elif after < 0.55:
            yield Deed(at_s=at_s + 0.1, verb="react", who=who, of=id_, text="👍")
    if who == LEAVER:
        return
    for number in range(chance.randint(1, 3)):
        where = "answer in tryton" if tryton and chance.random() < 0.4 else "answer"
        yield Deed(at_s=moment(), verb=where, who=who, of=f"{who}.0", text=f"answer {seed}/{who}.{number}")


def _corrections(chance: random.Random, seed: int, seconds: float, who: int, *, tryton: bool) -> Iterator[Deed]:
    """What colleagues type into the customer's records: e-mail in one CRM, work phone in Salesforce, name in both."""
    if who == LEAVER:
        return
    place = " in tryton" if tryton and who % 2 else ""
    for number in range(chance.randint(0, 3)):
        cleared = number > 0 and chance.random() < 0.3
        text = None if cleared else f"c{who}.{number}.{seed}@example.com"
        yield Deed(at_s=chance.uniform(0, seconds), verb="email" + place, who=who, text=text)
    for number in range(chance.randint(0, 2)):
        cleared = number > 0 and chance.random() < 0.4
        text = None if cleared else f"+39 011 {chance.randrange(1_000_000, 9_999_999)}"
        yield Deed(at_s=chance.uniform(0, seconds), verb="phone", who=who, text=text)
    for number in range(chance.randint(0, 2)):
        where = " in tryton" if tryton and chance.random() < 0.5 else ""
        yield Deed(at_s=chance.uniform(0, seconds), verb="name" + where, who=who, text=f"Nome{number} Cognome{who}")


# --- what goes wrong --------------------------------------------------------------------------------------------------

_ROAD_STATES = ("cut", "stalled", "black hole", "slow")
_TRICKS = ("forget", "truncate", "refuse 429", "refuse 503")
_ORG = (
    "unavailable",
    "server_error",
    "lock",
    "row_lock",
    "commit_then_drop",
    "truncate",
    "drop_before",
    "not_acceptable",
    "slow",
)
_VENDOR = ("lost answer", "lost answer", "throttled")


def _troubles(chance: random.Random, store: StoreKind, seconds: float, *, tryton: bool) -> Iterator[Trouble]:
    roads = ["webhook", "graph", "salesforce", *(["tryton"] if tryton else [])]
    moment: Callable[[], float] = lambda: chance.uniform(0.02, 0.9) * seconds  # noqa: E731 - two words
    for _ in range(chance.randint(4, 6)):
        kind, lasts_s = chance.choice(_ROAD_STATES), chance.uniform(0.3, 1.5)
        yield Trouble(at_s=moment(), kind=kind, where=chance.choice(roads), lasts_s=lasts_s)
    for _ in range(chance.randint(5, 8)):
        yield Trouble(
            at_s=moment(), kind=chance.choice(_TRICKS), where=chance.choice(roads), times=chance.randint(1, 4)
        )
    for _ in range(chance.randint(4, 6)):
        yield Trouble(at_s=moment(), kind=f"org: {chance.choice(_ORG)}", times=chance.randint(1, 4))
    yield Trouble(at_s=moment(), kind=f"vendor: {chance.choice(_VENDOR)}", times=chance.randint(1, 2))
    for _ in range(2):
        yield Trouble(at_s=moment(), kind="sessions expire")
    if store == "sqlite":
        yield Trouble(at_s=moment(), kind="disk full", lasts_s=chance.uniform(0.5, 1.5))
        yield Trouble(at_s=moment(), kind="fsync error", lasts_s=chance.uniform(0.4, 1.0))
        yield Trouble(at_s=moment(), kind="second daemon")
        yield Trouble(at_s=moment(), kind="stop", where="0", lasts_s=chance.uniform(0.3, 1.0))
    else:
        for _ in range(2):
            yield Trouble(at_s=moment(), kind="database restart")
        for kind in ("cut", "stalled"):
            yield Trouble(at_s=moment(), kind=kind, where="postgres", lasts_s=chance.uniform(0.3, 1.5))
        yield Trouble(at_s=moment(), kind="stop", where=str(chance.randrange(2)), lasts_s=1.6 * LEASE_S)


LEASE_S = 4.0
"""Of the daemons of a run on PostgreSQL: one that sleeps longer has lost its lanes when it wakes."""
