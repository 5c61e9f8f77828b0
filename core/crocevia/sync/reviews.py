"""A person's word on what waits in the review queue: what can be chosen, and what each choice does.

A resolution is a decision like any other: written down, with who made it, and carried to every CRM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crocevia.connector import ReadsRecords
from crocevia.errors import RefusedError
from crocevia.mapping.lens import Lens
from crocevia.model import RecordChanged
from crocevia.store import bindings, decisions, interactions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.store.decisions import PERSON, Decision
from crocevia.store.profiles import ProfileRow
from crocevia.sync import contest, pull, questions, retire, verdicts
from crocevia.sync.batch import Batch
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import keep_apart, merge
from crocevia.sync.records import NO_RAW, apply_records
from crocevia.sync.touches import Leaf
from crocevia.sync.world import Live, World

Entry = Mapping[str, Any]
PROFILE = "PROFILE"
"""Stands for the id of one of our profiles."""
_OURS = "ours goes to that CRM and stands everywhere"
_THEIRS = "that CRM's value is taken and goes everywhere"
_KEEP = "each side keeps its own until one of them changes"


_FIELD = {"ours": _OURS, "theirs": _THEIRS, "keep": _KEEP}
_CHOICES: dict[str, dict[str, str]] = {
    questions.CONFLICT: _FIELD,
    questions.OSCILLATION: _FIELD,
    questions.UNREADABLE: {"ours": _OURS, "keep": _KEEP},
    questions.UNFIT: {"keep": _KEEP},
    "mass delete": {"accept": "the deletions stand", "restore": "the records are made again from what we hold"},
    "adoption": {PROFILE: "the record is that customer's", "new": "the record is another customer's"},
    "identity": {"merge": "they are one customer", "apart": "they are not, and nobody is asked again"},
}
_OF_LOG = {"ours": "the record is put right again", "keep": "those fields stay as they are there"}
_OF_CREATE = {"new": "a record of its own is made there", "keep": "none is made"}
_OTHERWISE = {"done": "somebody has seen to it"}


def choices(entry: Entry) -> dict[str, str]:
    """What can be chosen for an entry, and what it does."""
    if entry["kind"] == questions.OSCILLATION and "field" not in entry["data"]:
        return _OF_LOG
    if entry["kind"] == "adoption" and "id" not in entry["data"]:
        return _OF_CREATE
    return _CHOICES.get(entry["kind"], _OTHERWISE)


def resolve(world: World, entry: Entry, choice: str, *, by: str = PERSON) -> str:
    """Do what a person chose for an open entry; return what was done, in one line.

    Args:
        entry: As `decisions.find_review` gives it.
        choice: One of `choices`, with an id where that says PROFILE.
        by: Who chose.

    Raises:
        RefusedError: it ended meanwhile, it does not take that choice, or something has to be done first.
        RemoteError: the CRM had to be asked and did not answer; nothing was changed.
    """
    taken = choices(entry)
    if choice not in taken and not (PROFILE in taken and choice.startswith("p")):
        expected = " or ".join(taken)
        raise RefusedError(f"entry {entry['id']} ({entry['kind']}) takes {expected}, not {choice!r}")
    if entry["kind"] == "adoption" and "id" in entry["data"]:
        return _link(world, entry, choice, by)
    with by_hand(world) as batch:
        _still_open(batch, entry)
        act = _ACTS.get(entry["kind"], _seen_to)
        return act(batch, entry, choice, by)


def _still_open(batch: Batch, entry: Entry) -> None:
    now = decisions.find_review(batch.transaction, entry["id"])
    if now is None or now["state"] != "open":
        raise RefusedError(f"entry {entry['id']} is not open any more: `crocevia review list`")


def _end(batch: Batch, entry: Entry, choice: str, by: str) -> None:
    decisions.end(batch.transaction, [entry["id"]], at=batch.now, by=by, choice=choice)


def _decide(batch: Batch, entry: Entry, profile_id: int, choice: str, by: str, **sides: Any) -> None:
    """Write a person's decision down."""
    data = entry["data"]
    fields = data.get("fields") or [data.get("field") or "record"]
    batch.decisions.append(
        Decision(
            at=batch.now,
            profile_id=profile_id,
            binding_id=data.get("binding"),
            connection=PERSON,
            field=", ".join(fields),
            base=sides.get("base", data.get("base")),
            ours=sides.get("ours", data.get("ours")),
            theirs=sides.get("theirs", data.get("theirs")),
            chosen=choice,
            why=f"{by} chose {choice!r} in review {entry['id']} ({entry['kind']}, {entry['connection']})",
        )
    )


def _seen_to(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    _end(batch, entry, choice, by)
    if entry["profile_id"] is not None:
        _decide(batch, entry, entry["profile_id"], choice, by)
    return f"review {entry['id']}: {choice}"


# --- fields -----------------------------------------------------------------------------------------------------------


def _field(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    if "field" not in entry["data"]:
        return _log_record(batch, entry, choice, by)
    row, lens, profile = _contested(batch, entry)
    _decide(batch, entry, profile.id, choice, by)
    if choice == "keep":
        _end(batch, entry, choice, by)
        return f"{entry['data']['field']}: left as it is on both sides"
    theirs = {name: row.seen[name] for name in lens.remote if name in row.held and name in row.seen}
    contest.release(batch, profile.id, row, lens, lens.remote, by=by, choice=choice, agreed=choice == "theirs")
    _end(batch, entry, choice, by)
    batch.changed_bindings[row.id] = row
    if choice == "theirs":
        verdicts.take(batch, profile, lens.decode(theirs, profile.canonical()), batch.now)
    for name in lens.fields:
        if name in profile.origins:
            profile.origins[name], profile.changed = [batch.now, PERSON], True
    batch.want("profile", profile.id)
    return f"{entry['data']['field']}: {choice} stands, and goes to every CRM"


def _contested(batch: Batch, entry: Entry) -> tuple[BindingRow, Lens, ProfileRow]:
    """The record, lens and customer that an entry is about, as they are now."""
    rows = bindings.load(batch.transaction, [entry["data"]["binding"]])
    live = batch.world.lives.get(entry["connection"])
    mapping = live.mappings.get(rows[0].object) if live is not None and rows else None
    lens = (
        next((one for one in mapping.lenses if questions.subject(rows[0], one) == entry["subject"]), None)
        if mapping
        else None
    )
    if lens is None:
        told = f"{entry['data']['field']} is not mapped on {entry['connection']} any more: choose 'keep'"
        raise RefusedError(told)
    return rows[0], lens, batch.load_profiles([rows[0].subject_id])[rows[0].subject_id]


def _log_record(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    """A record of our log that somebody kept changing there."""
    [row] = bindings.load(batch.transaction, [entry["data"]["binding"]])
    row.flips, row.state = 0, "linked"
    if choice == "keep":
        row.held = sorted({*row.held, *entry["data"]["fields"]})
    batch.changed_bindings[row.id] = row
    batch.want("interaction", row.subject_id)
    _decide(batch, entry, row.profile_id, choice, by)
    _end(batch, entry, choice, by)
    return f"{row.object} {row.remote_id}: {'left as it is there' if choice == 'keep' else 'put right again'}"


# --- records ----------------------------------------------------------------------------------------------------------


def _mass_delete(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    data, name = entry["data"], entry["connection"]
    rows = bindings.load(batch.transaction, data["bindings"])
    for row in rows:
        batch.changed_bindings[row.id] = row
        _decide(batch, entry, row.profile_id, choice, by)
        if choice == "accept":
            if row.of == "profile" and row.state == "linked":
                retire.delete_elsewhere(batch, row)
            row.state = "gone"
            continue
        row.remote_id, row.version, row.state, row.error, row.claimed = None, None, "new", None, None
        row.seen, row.agreed, row.writing, row.held = {}, {}, {}, []
        row.applied, row.attempts, row.due_at = 0, 0, 0
        batch.want(row.of, row.subject_id)
    if choice == "restore":
        of = {row.subject_id for row in rows if row.of == "profile"}
        for interaction, _ in interactions.of_profiles(batch.transaction, of):
            batch.want("interaction", interaction)
    _end(batch, entry, choice, by)
    done = "stay deleted" if choice == "accept" else "are made again"
    return f"{len(rows)} records of {data['object']} {done}; `crocevia resume {name}` lets {name} go on"


def _made_anyway(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    """A customer whose record was not created, as the CRM has one with the same contact point."""
    [row] = bindings.load(batch.transaction, [entry["data"]["binding"]])
    if choice == "new":
        row.state, row.error, row.due_at = "new", None, 0
        batch.changed_bindings[row.id] = row
    _decide(batch, entry, row.profile_id, choice, by)
    _end(batch, entry, choice, by)
    return f"{row.connection}: {'a record of its own is made' if choice == 'new' else 'no record is made'}"


def _link(world: World, entry: Entry, choice: str, by: str) -> str:
    """A record that might be of several customers: read it again, and take it for whose a person says it is."""
    data, live = entry["data"], world.lives.get(entry["connection"])
    if live is None or not isinstance(live.connector, ReadsRecords):
        raise RefusedError(f"there is no connection {entry['connection']} in the settings that could be asked")
    pull.fit(live)
    mapping = live.mappings[data["object"]]
    found = live.connector.fetch(mapping.object, [data["id"]], pull.readable(live, mapping))
    if not found:
        raise RefusedError(f"{live.name} has no {mapping.object} {data['id']} any more")
    with world.store.writing() as transaction:
        batch = Batch(world, live, transaction)
        _still_open(batch, entry)
        if choice != "new":
            _check_free(batch, live, mapping.object, choice)
        _end(batch, entry, choice, by)
        [record] = found
        event = RecordChanged(
            object=record.object, id=record.id, values=record.values, at=record.at, version=record.version
        )
        apply_records(batch, [Leaf(NO_RAW, event)])
        batch.counts.clear()  # nobody told us: it is no leaf of the books
        batch.flush()
        row = bindings.by_remote(transaction, live.name, mapping.object, {record.id}).get(record.id)
        if row is None:
            raise RefusedError(f"{mapping.object} {record.id} could not be linked: look at `crocevia review list`")
        _decide(batch, entry, row.profile_id, choice, by)
        batch.flush()
        uid = next(iter(profiles.load(transaction, [row.subject_id]).values())).uid
    return f"{mapping.object} {data['id']} is the record of {uid}"


def _check_free(batch: Batch, live: Live, object_name: str, uid: str) -> None:
    """The profile is there and has no record there yet."""
    ids = profiles.ids_of(batch.transaction, [uid])
    if uid not in ids:
        raise RefusedError(f"there is no customer {uid}")
    for row in bindings.of_subjects(batch.transaction, "profile", ids.values(), live.name):
        if row.object == object_name and row.remote_id is not None and row.state != "gone":
            told = (
                f"{uid} has {object_name} {row.remote_id} on {live.name} already: merge the two there, or choose 'new'"
            )
            raise RefusedError(told)


# --- customers --------------------------------------------------------------------------------------------------------


def _identity(batch: Batch, entry: Entry, choice: str, by: str) -> str:
    uids = [entry["data"]["profile"], *entry["data"]["others"]]
    found = batch.load_profiles(list(profiles.ids_of(batch.transaction, uids).values()))
    oldest, *others = sorted({row.id: row for row in found.values()}.values(), key=lambda row: row.id)
    _decide(batch, entry, oldest.id, choice, by)
    _end(batch, entry, choice, by)
    if choice == "apart":
        for number, one in enumerate([oldest, *others]):
            keep_apart(batch, one, others[number:], by=PERSON)
        return f"{', '.join(uids)} are different customers"
    for other in others:
        merge(batch, oldest, other, by=PERSON, reason=f"review {entry['id']}")
    return f"{', '.join(row.uid for row in others)} merged into {oldest.uid}"


_ACTS: dict[str, Callable[[Batch, Entry, str, str], str]] = {
    questions.CONFLICT: _field,
    questions.UNREADABLE: _field,
    questions.OSCILLATION: _field,
    "mass delete": _mass_delete,
    "adoption": _made_anyway,
    "identity": _identity,
}
