"""Every table. Times are integer microseconds since 1970 UTC; JSON is UTF-8 text; ids come from `counters`.

Each row that holds personal data carries the profile's id, so that export and erasure are queries:
`profiles`, `claims`, `interactions`, `revisions`, `bindings` (seen values), `commands`, `decisions`, `reviews`,
`dead`, `announcements`, `merges` (`loser_id` too), `claim_aliases`, `consents`, and for raws, which may tell of
several people, `journal_subjects`. `parked` rows name their raw; they are drained or reviewed, never history.
"""

from __future__ import annotations

from crocevia.store.tables.inbox import cursors, journal, journal_subjects, parked, seen_keys
from crocevia.store.tables.judged import decisions, reviews
from crocevia.store.tables.log import aliases, interactions, revisions
from crocevia.store.tables.metadata import Id, metadata
from crocevia.store.tables.operations import backfills
from crocevia.store.tables.people import apart, claim_aliases, claims, consents, merges, moved, profiles
from crocevia.store.tables.running import (
    announcements,
    budgets,
    connections,
    counters,
    dead,
    leases,
    listeners,
    tallies,
)
from crocevia.store.tables.work import bindings, commands

__all__ = [
    "Id",
    "aliases",
    "announcements",
    "apart",
    "backfills",
    "bindings",
    "budgets",
    "claim_aliases",
    "claims",
    "commands",
    "connections",
    "consents",
    "counters",
    "cursors",
    "dead",
    "decisions",
    "interactions",
    "journal",
    "journal_subjects",
    "leases",
    "listeners",
    "merges",
    "metadata",
    "moved",
    "parked",
    "profiles",
    "reviews",
    "revisions",
    "seen_keys",
    "tallies",
]
