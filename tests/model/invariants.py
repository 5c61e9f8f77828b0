"""Invariants A to G of the design, each a function over the CRMs, the channel, the books and the oracle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from attrs import define, field

from crocevia.model import to_us
from crocevia.store.tables import bindings, commands, cursors, dead, interactions, journal, parked, profiles, reviews
from tests.model.hub import Hub, capital
from tests.model.oracle import Customer, Oracle, Place, cut, name_of, numbers_of, tags_of

NUMBERS = {"mobile", "phone", "reachable"}


@define
class Found:
    """What the hub has at rest, each table read once."""

    hub: Hub
    oracle: Oracle
    bindings: list[dict[str, Any]]
    interactions: list[dict[str, Any]]
    commands: list[dict[str, Any]]
    reviews: list[dict[str, Any]]
    survivors: dict[int, int]
    uids: dict[int, str]
    customers: dict[int, Customer] = field(factory=dict)

    @classmethod
    def read(cls, hub: Hub, oracle: Oracle) -> Found:
        """Everything."""
        people = hub.rows(profiles)
        return cls(
            hub,
            oracle,
            hub.rows(bindings),
            hub.rows(interactions),
            hub.rows(commands),
            [row for row in hub.rows(reviews) if row["state"] == "open"],
            {row["id"]: row["merged_into"] or row["id"] for row in people},
            {row["id"]: row["uid"] for row in people},
        )

    def linked(self, of: str) -> Iterator[dict[str, Any]]:
        """The bindings with a record."""
        return (row for row in self.bindings if row["of"] == of and row["state"] == "linked" and row["remote_id"])

    def disputed(self, customer: int) -> bool:
        """Whether a person has been asked about this customer."""
        return any(row["profile_id"] and self.survivors[row["profile_id"]] == customer for row in self.reviews)


def hold(hub: Hub, oracle: Oracle) -> dict[str, Customer]:
    """All of them, at rest; return how every customer stands."""
    found = Found.read(hub, oracle)
    _gather(found)
    a_nothing_is_lost(found)
    b_nothing_is_doubled(found)
    c_nothing_goes_back(found)
    e_no_cursor_passes_what_is_kept(hub)
    f_the_books_balance(found)
    g_the_crms_agree(found)
    g_what_a_person_entered_holds(found)
    nobody_is_taken_for_somebody_else(found)
    return {found.uids[id_]: customer for id_, customer in found.customers.items()}


def _gather(found: Found) -> None:
    """The customers, each with the records that the hub has of him."""
    places: dict[int, set[Place]] = {}
    for row in found.linked("profile"):
        places.setdefault(found.survivors[row["subject_id"]], set()).add((row["connection"], row["remote_id"]))
    for row in found.interactions:
        if row["connection"] == "chat" and row["key"] in found.oracle.said:
            who = found.oracle.said[row["key"]].who
            places.setdefault(found.survivors[row["profile_id"]], set()).add(("chat", who))
    for id_, held in places.items():
        records = {place: _record(found.hub, place) for place in held if place[0] != "chat"}
        found.customers[id_] = Customer(
            frozenset(held),
            {place: name_of(values) for place, values in records.items()},
            {place: tags_of(values) for place, values in records.items()},
            {place: numbers_of(values) for place, values in records.items()},
        )


def _record(hub: Hub, place: Place) -> dict[str, Any]:
    return hub.crms[place[0]].record(place[1])


# --- A ---------------------------------------------------------------------------------------------------------------


def a_nothing_is_lost(found: Found) -> None:
    """What was acknowledged, and what the CRMs hold, is in the log, in the CRMs, sent, or in front of a person."""
    hub, oracle = found.hub, found.oracle
    letters = [(row["connection"], row["error"], row["message"]) for row in hub.rows(dead) if row["state"] == "open"]
    assert {error for _, error, _ in letters} <= {"OutcomeUnknownError"}, f"A: dead letters {letters}"
    kept = Counter(bytes(row["body"]) for row in hub.rows(journal) if row["connection"] == "chat")
    assert Counter(hub.acknowledged) <= kept, "A: an acknowledged webhook is not in the journal"
    logged = {row["key"]: row for row in found.interactions if row["connection"] == "chat"}
    assert logged.keys() == oracle.said.keys(), "A: every message is one interaction"
    for key, said in oracle.said.items():
        assert logged[key]["text"] in said.texts, f"A: {key} says {logged[key]['text']!r}, not {said.texts}"
    _a_every_record_is_known(found)
    _a_every_touch_is_everywhere(found)
    _a_every_answer_has_gone_out(found)


def _a_every_record_is_known(found: Found) -> None:
    known = {(row["connection"], row["remote_id"]) for row in found.linked("profile")}
    asked = {(row["connection"], json.loads(row["data"]).get("id")) for row in found.reviews}
    for name, crm in found.hub.crms.items():
        for id_ in crm.records():
            assert (name, id_) in known | asked, f"A: nobody knows {name} {id_}"


def _a_every_touch_is_everywhere(found: Found) -> None:
    """In each CRM that has a record of its customer; where the record is in the bin, it waits and says so."""
    held = {(found.survivors[row["subject_id"]], row["connection"]) for row in found.linked("profile")}
    rows = {(row["subject_id"], row["connection"]): row for row in found.bindings if row["of"] == "interaction"}
    for row in found.interactions:
        for name, crm in found.hub.crms.items():
            binding = rows.get((row["id"], name))
            if (found.survivors[row["profile_id"]], name) not in held:
                continue
            assert binding is not None, f"A: {row['connection']} {row['key']} is not wanted in {name}"
            assert binding["state"] in ("linked", "gone", "review"), (
                f"A: {row['key']} in {name} is {binding['state']}: {binding['error']}"
            )
            if binding["state"] == "linked":
                touch = crm.record(binding["remote_id"])
                assert touch["crocevia_key"] == row["uid"], f"A: {name} {binding['remote_id']} is not {row['key']}"
                if touch["text"] != "scribbled" or binding["flips"] == 0:
                    expected = cut(row["text"] or None, 60 if crm.lossy else 32_000)
                    assert touch["text"] == expected, f"G: {name} {row['key']} says {touch['text']!r}, not {expected!r}"
                status = "removed" if row["removed"] else row["status"]
                status = status or ("received" if row["direction"] == "inbound" else None)
                assert touch["status"] == status, f"G: {name} {row['key']} is {touch['status']}, not {status}"


def _a_every_answer_has_gone_out(found: Found) -> None:
    """Once; unless nobody can know, or the channel cannot reach the customer: then the record says so."""
    sent = Counter(message.text for message in found.hub.chat.sent)
    state = {row["interaction_id"]: row["state"] for row in found.commands}
    logged = {row["text"]: row for row in found.interactions if row["connection"] != "chat"}
    unknown = 0
    for text, answer in found.oracle.answers.items():
        row = logged.get(text)
        if row is None:
            assert not answer.sure, f"A: {text} of {answer.place} is nowhere"
            continue
        did = state.get(row["id"])
        unknown += did == "unknown"
        assert sent[text] == (did == "done"), f"A: {text}: {did}, sent {sent[text]} times"
        if did is None:
            assert row["status"] == "failed", f"A: {text} is {row['status']}, and no command"
            assert not answer.sure, f"A: {text} of {answer.place} was not sent: {row['status_detail']}"
        if did == "done":
            assert row["status"] == "delivered", f"A: {text} was delivered, and is {row['status']}"
    assert unknown <= found.oracle.ambiguous, "A: an answer is parked for no reason"


# --- B, C ------------------------------------------------------------------------------------------------------------


def b_nothing_is_doubled(found: Found) -> None:
    """A customer gets a message once; a CRM gets a record once, for ever: what was deleted is not revived."""
    doubled = [text for text, n in Counter(message.text for message in found.hub.chat.sent).items() if n > 1]
    assert doubled == [], f"B: sent twice: {doubled}"
    for name, crm in found.hub.crms.items():
        made = Counter(
            change.values["crocevia_key"]
            for change in crm.mutations
            if change.operation == "create" and change.by == "api"
        )
        assert [key for key, n in made.items() if n > 1] == [], f"B: made twice in {name}"
        for object_name in ("Person", "Touch"):
            keys = Counter(row["crocevia_key"] for row in crm.records(object_name).values() if row["crocevia_key"])
            assert [key for key, n in keys.items() if n > 1] == [], f"B: two records of one in {name}"


def c_nothing_goes_back(found: Found) -> None:
    """The revisions of one record only grow, and its last write is the newest; only a sleeper may write late."""
    for name, crm in found.hub.crms.items():
        written: dict[str, list[int]] = {}
        for change in crm.mutations:
            if change.by == "api" and change.values.get("crocevia_revision") is not None:
                written.setdefault(change.id, []).append(change.values["crocevia_revision"])
        for id_, revisions in written.items():
            late = sum(after < before for before, after in pairwise(revisions))
            assert late <= found.oracle.asleep, f"C: {name} {id_} went back: {revisions}"
            assert revisions[-1] == max(revisions), f"C: {name} {id_} was left at an old revision: {revisions}"


# --- D, E, F ---------------------------------------------------------------------------------------------------------


def d_one_sick_connection_does_not_slow_the_others(hub: Hub, sick: str) -> None:
    """While one is down, the others come to rest."""
    well = [name for name in hub.lanes if name != sick and not hub.paused(name)]
    hub.turn(sick)
    assert not well or hub.settle(*well), f"D: while {sick} is down: {[(name, hub.books(name)) for name in well]}"


def e_no_cursor_passes_what_is_kept(hub: Hub) -> None:
    """Whatever a cursor has passed is in the journal, also where the process has just died."""
    kept: dict[str, bytes] = {}
    for row in hub.rows(journal):
        if row["connection"] != "chat":
            kept[row["connection"]] = kept.get(row["connection"], b"") + bytes(row["body"])
    for row in hub.rows(cursors):
        name = row["connection"]
        if row["cursor"] is None or name not in hub.crms:
            continue
        at_us, after, told = json.loads(row["cursor"])
        passed = {
            record.version
            for record in hub.crms[name].rows(row["stream"])
            if (to_us(record.at), record.id) <= (at_us, after)
        }
        missing = [version for version in passed | set(told) if version.encode() not in kept.get(name, b"")]
        assert missing == [], f"E: {name} {row['stream']}: the cursor has passed {missing}"


def f_the_books_balance(found: Found) -> None:
    """Received = what the journal holds = what became of it; wanted likewise; nothing under way.

    What is told of a record that a person has been asked about waits for the answer.
    """
    hub = found.hub
    asked = {
        f"record:{json.loads(row['data']).get('object')}:{json.loads(row['data']).get('id')}" for row in found.reviews
    }
    waiting = {row["awaits"] for row in hub.rows(parked)}
    assert waiting <= asked, f"F: events wait for what has come, or never will: {waiting - asked}"
    leaves: Counter[str] = Counter()
    for row in hub.rows(journal):
        body = json.loads(bytes(row["body"]))
        leaves[row["connection"]] += len(body["events"] if "events" in body else body["records"])
    for name in hub.lanes:
        books = hub.books(name)
        assert books.balanced, f"F: {name}: {books}"
        assert books.quiet, f"F: {name} is not at rest: {books}"
        assert books.incoming.received == leaves[name], f"F: {name}: {books.incoming}, in the journal {leaves[name]}"


# --- G ---------------------------------------------------------------------------------------------------------------


def g_the_crms_agree(found: Found) -> None:
    """The records of one customer say the same in every CRM, as far as each can say it."""
    for id_, customer in found.customers.items():
        if found.disputed(id_) or len({place[0] for place in customer.names}) < len(customer.names):
            continue
        long = {name for place, name in customer.names.items() if place[0] != "lossy"}
        short = {name for place, name in customer.names.items() if place[0] == "lossy"}
        assert len(long) <= 1, f"G: names {customer.names}"
        assert not (long and short) or short == {cut(name, 30) for name in long}, f"G: names {customer.names}"
        assert len(set(customer.tags.values())) <= 1, f"G: tags {customer.tags}"
        roomy = {numbers for place, numbers in customer.numbers.items() if place[0] != "lossy"}
        assert len(roomy) <= 1, f"G: numbers {customer.numbers}"
        for place, numbers in customer.numbers.items():
            if place[0] == "lossy":
                assert all(held <= numbers for held in roomy), f"G: numbers {customer.numbers}"


def g_what_a_person_entered_holds(found: Found) -> None:
    """Where one record of a customer was edited since the last rest, it counts; where none was, nothing moved."""
    for id_, customer in found.customers.items():
        if found.disputed(id_):
            continue
        before = found.oracle.customers.get(found.uids[id_])
        if any(place in found.oracle.mixed for place in customer.places) or before is None:
            continue
        if before.places - customer.places - {("chat", who) for who in found.oracle.shown}:
            continue
        _g_field(found, customer, before, ("first", "last", "name"), "names")
        _g_field(found, customer, before, ("tags",), "tags")
        _g_numbers(found, customer, before)


def _g_field(found: Found, customer: Customer, before: Customer, fields: tuple[str, ...], name: str) -> None:
    """What the only editor entered is on his record, and so by the agreement of the CRMs on all of them."""
    editors = [place for place in customer.names if found.oracle.typed.get(place, {}).keys() & set(fields)]
    held, held_before = getattr(customer, name), getattr(before, name)
    if len(editors) == 1:
        [editor] = editors
        now, entered = _record(found.hub, editor), found.oracle.typed[editor]
        for one in entered.keys() & set(fields):
            assert _same(one, now[one], entered[one]), f"G: {editor} {one}: {entered[one]!r} became {now[one]!r}"
    if not editors and name == "tags":
        for place in held.keys() & held_before.keys():
            moved = (held[place] ^ held_before[place]) - {"reachable"}
            assert moved == set(), f"G: {name} of {place} moved by itself: {held_before} to {held}"
    for values in held.values():
        words = set(values.split()) if isinstance(values, str) else set()
        invented = {word for word in words if not any(known.startswith(word) for known in _known(found.oracle))}
        assert invented == set(), f"G: nobody ever wrote {invented}"


def _same(name: str, now: Any, entered: Any) -> bool:
    """As it was entered, or as the rules of the third CRM make it."""
    if name == "tags":
        return not (tags_of({"tags": now}) ^ tags_of({"tags": entered})) - {"reachable"}
    return now == entered or (now or "").lower() == (entered or "").lower()


def _known(oracle: Oracle) -> set[str]:
    return {*oracle.words, *map(capital, oracle.words), "Unknown"}


def _g_numbers(found: Found, customer: Customer, before: Customer) -> None:
    """A number that a person took off is off, everywhere, unless another entered it meanwhile."""
    entered = {place for place in customer.numbers if found.oracle.typed.get(place, {}).keys() & NUMBERS}
    shown = any(place in customer.places for place in (("chat", who) for who in found.oracle.shown))
    taken = {number for place in customer.numbers for number in found.oracle.taken.get(place, set())}
    if len(entered) == 1 and not shown:
        [editor] = entered
        for number in taken - customer.numbers[editor]:
            assert all(number not in held for held in customer.numbers.values()), f"G: {number} is still there"
    if not entered and not shown:
        for place in customer.numbers.keys() & before.numbers.keys():
            assert customer.numbers[place] == before.numbers[place], f"G: numbers of {place} moved by themselves"


def nobody_is_taken_for_somebody_else(found: Found) -> None:
    """Two people on one profile have a number, a merge or a person's word in common; one person is on one profile."""
    profile: dict[str, int] = {}
    for row in found.interactions:
        if row["connection"] == "chat":
            who = found.oracle.said[row["key"]].who
            at = found.survivors[row["profile_id"]]
            assert profile.setdefault(who, at) == at, f"{who} is two customers"
    merged = {found.survivors[id_] for id_, uid in found.uids.items() if uid in found.oracle.merged_keys}
    for id_, customer in found.customers.items():
        if id_ in merged or customer.places & found.oracle.merged or _numbered(found.oracle, customer):
            continue
        own = [":".join(place) for place in customer.places if place[0] == "chat" or place in found.oracle.born]
        assert len({found.oracle.family(name) for name in own}) <= 1, f"taken for one: {sorted(customer.places)}"


def _numbered(oracle: Oracle, customer: Customer) -> bool:
    """Whether a person gave a number to a record that we have made since the last rest."""
    known = oracle.born.union(*(before.places for before in oracle.customers.values()))
    return any(oracle.typed.get(place, {}).keys() & NUMBERS for place in customer.places - known)
