"""The day recomputed from the ledgers: nothing lost, nothing doubled, everything where it belongs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from crocevia_demo.cast import Customer
from crocevia_demo.journey import Journey
from crocevia_demo.ledgers import INTERACTIONS, Ledgers
from crocevia_demo.player import Player

_ORDER = ("sent", "failed", "delivered", "read")
"""Of two statuses the later one here stands; what is delivered all the same was not lost."""


@frozen
class Check:
    """One check. `wrong` names what is wrong, by id; nothing when it passes."""

    name: str
    wrong: Sequence[str]
    facts: Mapping[str, Any] = field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {"name": self.name, "passed": not self.wrong, "wrong": list(self.wrong), **self.facts}


@frozen
class Evidence:
    """What the checks look at.

    Attributes:
        ledgers: What the simulators wrote down.
        player: What was played.
        status: What `crocevia status --json` says at the end.
        unknown: Our ids of the messages that the daemon reports as unknown.
        journey: What Sofia did.
        resent: Our ids of those that went out by hand, at the end of the day: that may have been too late for some.
    """

    ledgers: Ledgers
    player: Player
    status: Mapping[str, Any]
    unknown: frozenset[str]
    resent: frozenset[str]
    journey: Journey


def checks(evidence: Evidence) -> list[Check]:
    """All checks, each with what is wrong."""
    return [check(evidence) for check in _CHECKS]


def answers(ledgers: Ledgers) -> dict[str, dict[str, Any]]:
    """The answers that the CRM's user wrote, by record id, as the records are at the end."""
    return {
        id_: ledgers.records["Interaction__c"].get(id_, {})
        for id_, line in ledgers.births.items()
        if line["object"] == "Interaction__c" and line["values"].get("Status__c") == "To Send"
    }


def outcome(answer: Mapping[str, Any], evidence: Evidence) -> str:
    """What became of an answer: sent, refused, unknown or lost."""
    key = str(answer.get("Crocevia_Key__c"))
    if evidence.ledgers.replies.get(key):
        return "sent"
    if key in evidence.unknown:
        return "unknown"
    return "refused" if answer.get("Status__c") == "Failed" and answer.get("Status_Detail__c") else "lost"


# --- the checks -------------------------------------------------------------------------------------------------------


def _played(evidence: Evidence) -> Check:
    """Every deed of the script was done."""
    missed = evidence.player.missed
    return Check("every deed was played", [f"{one['deed']}: {one['reason']}" for one in missed])


def _books(evidence: Evidence) -> Check:
    """Added up here once more, not taken from the daemon's own verdict."""
    wrong = []
    for name, one in evidence.status["connections"].items():
        for part in ("incoming", "records", "commands"):
            terms = {term: count for term, count in one[part].items() if term != "unparsed"}
            total = terms.pop("received" if part == "incoming" else "wanted")
            if total != sum(terms.values()):
                wrong.append(f"{name}: {part}: {total} is not {'+'.join(map(str, terms.values()))}")
    return Check("the books balance", wrong)


def _rest(evidence: Evidence) -> Check:
    """Nothing waits, nothing is dead, nothing is in quarantine."""
    wrong = []
    for name, one in evidence.status["connections"].items():
        for part, terms in (
            ("incoming", ("pending", "unparsed", "quarantined")),
            ("records", ("pending", "unknown", "review", "dead", "blocked")),
            ("commands", ("pending", "dead", "blocked", "review")),
        ):
            wrong += [f"{name}: {part}: {one[part][term]} {term}" for term in terms if one[part][term]]
        if one["state"] != "running":
            wrong.append(f"{name}: {one['state']}: {one['reason']}")
    return Check("nothing is left over", wrong)


def _received(evidence: Evidence) -> Check:
    """Every leaf that left is in the books: once each at least, and no more often than it left."""
    ledgers, books = evidence.ledgers, evidence.status["connections"]["whatsapp"]["incoming"]
    left = len(ledgers.whatsapp)
    wrong = []
    if not left <= books["received"] <= ledgers.lines:
        wrong.append(f"{books['received']} received, {left} left, {ledgers.lines} with redeliveries")
    return Check("every leaf was received", wrong, {"leaves": left, "deliveries of leaves": ledgers.lines})


def _one_record_each(evidence: Evidence) -> Check:
    """Every message, reaction and notice is one interaction of the CRM; no record is of nothing."""
    ledgers = evidence.ledgers
    wanted = {id_ for id_, leaf in ledgers.leaves.items() if leaf["kind"] in INTERACTIONS}
    sent = {line["id"] for lines in ledgers.replies.values() for line in lines}
    kept = ledgers.by_message
    wrong = [f"{id_}: {len(kept.get(id_, []))} records" for id_ in sorted(wanted | sent) if len(kept.get(id_, [])) != 1]
    wrong += [f"{id_}: a record of a message that was not" for id_ in sorted(kept.keys() - wanted - sent)]
    made = Counter(
        line["values"]["Message_Id__c"] for line in ledgers.births.values() if line["values"].get("Message_Id__c")
    )
    wrong += [f"{id_}: created {count} times" for id_, count in sorted(made.items()) if count > 1]
    return Check("every leaf is one record in the CRM", wrong, {"interactions": len(wanted)})


def _one_interaction_each(evidence: Evidence) -> Check:
    """The daemon's log has as many interactions as the CRM has records, under keys of their own."""
    ledgers = evidence.ledgers
    leaves = sum(leaf["kind"] in INTERACTIONS for leaf in ledgers.leaves.values())
    expected = leaves + len(answers(ledgers))
    records = ledgers.records["Interaction__c"]
    keys = Counter(record.get("Crocevia_Key__c") for record in records.values())
    wrong = [f"{key}: on {count} records" for key, count in keys.items() if count > 1 or key is None]
    for what, count in (("records in the CRM", len(records)), ("interactions", evidence.status["interactions"])):
        if count != expected:
            wrong.append(f"{count} {what}, expected {expected}")
    return Check("every leaf is one interaction", wrong, {"expected": expected})


def _replies(evidence: Evidence) -> Check:
    """Each answer was sent once, or is reported as unknown; a late one was refused, with the reason on its record."""
    wrong = []
    told: Counter[str] = Counter()
    for id_, answer in answers(evidence.ledgers).items():
        became = outcome(answer, evidence)
        told[became] += 1
        key = str(answer.get("Crocevia_Key__c"))
        lines = evidence.ledgers.replies.get(key, [])
        if became == "lost":
            wrong.append(f"{id_}: neither sent nor refused: {answer.get('Status__c')}")
        if len(lines) > 1:
            wrong.append(f"{id_}: sent {len(lines)} times: {', '.join(line['id'] for line in lines)}")
        if became == "sent" and answer.get("Message_Id__c") != lines[0]["id"]:
            wrong.append(f"{id_}: its record names {answer.get('Message_Id__c')}, the vendor {lines[0]['id']}")
        late = id_ in evidence.player.late
        if (became == "sent" and late) or (became == "refused" and not late and key not in evidence.resent):
            wrong.append(f"{id_}: {became}: {answer.get('Status_Detail__c')}")
    known = {answer.get("Crocevia_Key__c") for answer in answers(evidence.ledgers).values()}
    wrong += [f"{key}: sent, and nobody wrote it" for key in sorted(evidence.ledgers.replies.keys() - known)]
    return Check("every reply was sent once", wrong, {"answers": dict(told)})


def _statuses(evidence: Evidence) -> Check:
    """Each reply's record shows the furthest status that the vendor reported."""
    ledgers = evidence.ledgers
    furthest: dict[str, str] = {}
    for leaf in ledgers.leaves.values():
        if leaf["kind"] == "status":
            furthest[leaf["of"]] = max(leaf["status"], furthest.get(leaf["of"], "sent"), key=_ORDER.index)
    wrong = []
    for message, status in furthest.items():
        for id_ in ledgers.by_message.get(message, []):
            shown = ledgers.records["Interaction__c"][id_].get("Status__c")
            if str(shown).lower() != status:
                wrong.append(f"{id_}: {shown}, expected {status}")
    return Check("every status has arrived", wrong, {"statuses": len(furthest)})


def _revisions(evidence: Evidence) -> Check:
    """Edited messages show their last text, deleted ones none."""
    ledgers = evidence.ledgers
    records, kept = ledgers.records["Interaction__c"], ledgers.by_message
    gone = {leaf["of"] for leaf in ledgers.leaves.values() if leaf["kind"] == "removed"}
    expected = {**evidence.player.edits, **dict.fromkeys(gone)}
    wrong = [
        f"{id_}: not the text that {message} came to"
        for message, text in expected.items()
        for id_ in kept.get(message, [])
        if records[id_].get("Body__c") != text
    ]
    return Check("every edit and deletion has arrived", wrong, {"revised": len(expected)})


def _contacts(evidence: Evidence) -> Check:
    """Every customer is one contact, those of before the day are still the same, and nobody else was made."""
    ledgers, player = evidence.ledgers, evidence.player
    people = player.day.cast
    wrong = []
    owners: dict[str, str] = {}
    for customer in people.customers:
        contacts = _contacts_of(customer, ledgers)
        known = player.contacts.get(customer.id)
        if len(contacts) != 1 or (known and contacts != {known}):
            wrong.append(
                f"{customer.id}: {', '.join(sorted(contacts)) or 'no contact'}{f', expected {known}' if known else ''}"
            )
        shared = [contact for contact in contacts if owners.setdefault(contact, customer.id) != customer.id]
        wrong += [f"{contact}: of {owners[contact]} and {customer.id}" for contact in shared]
    expected = len(people.customers) + len(people.bystanders) + 1  # Sofia
    if len(ledgers.records["Contact"]) != expected:
        wrong.append(f"{len(ledgers.records['Contact'])} contacts, expected {expected}")
    if evidence.status["profiles"] != expected:
        wrong.append(f"{evidence.status['profiles']} profiles, expected {expected}")
    return Check("every customer is one contact", wrong, {"contacts": expected})


def _contacts_of(customer: Customer, ledgers: Ledgers) -> set[str]:
    addresses = {customer.address, customer.moves_to}
    messages = [
        id_ for id_, leaf in ledgers.leaves.items() if leaf["customer"] in addresses and leaf["kind"] in INTERACTIONS
    ]
    records = [
        ledgers.records["Interaction__c"][id_] for message in messages for id_ in ledgers.by_message.get(message, [])
    ]
    return {str(record.get("Contact__c")) for record in records}


def _corrections(evidence: Evidence) -> Check:
    """What the CRM's user typed still stands in the CRM."""
    wrong = []
    for contact, values in evidence.player.corrected.items():
        record = evidence.ledgers.records["Contact"].get(contact, {})
        wrong += [f"{contact}: {name} was written over" for name, value in values.items() if record.get(name) != value]
    return Check("every correction stands", wrong, {"corrected": len(evidence.player.corrected)})


def _one_customer(evidence: Evidence) -> Check:
    """What Sofia did on all roads is one contact's, in order; each answer went out on its road."""
    ledgers, journey = evidence.ledgers, evidence.journey
    records, wrong = ledgers.records["Interaction__c"], []
    touches = [records[id_] for key in journey.made.values() for id_ in ledgers.by_message.get(key, [])]
    if len(touches) != len(journey.made):
        wrong.append(f"{len(touches)} records of {len(journey.made)} touches")
    if len(whose := {str(touch.get("Contact__c")) for touch in touches}) != 1:
        wrong.append(f"of {len(whose)} contacts: {', '.join(sorted(whose))}")
    taken = [touch["Connection__c"] for touch in sorted(touches, key=lambda touch: str(touch["Occurred_At__c"]))]
    if taken != list(journey.made):
        wrong.append(f"in the order {', '.join(map(str, taken))}")
    for road, id_ in journey.answers.items():
        lines = ledgers.replies.get(str(records[id_].get("Crocevia_Key__c")), [])
        if [line.get("road", "whatsapp") for line in lines] != [road]:
            wrong.append(f"{id_}: for {road}, went out by {[line.get('road') for line in lines] or 'none'}")
    return Check("one customer on every road is one contact", wrong, {"roads": list(journey.made)})


_CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    _played,
    _books,
    _rest,
    _received,
    _one_interaction_each,
    _one_record_each,
    _replies,
    _statuses,
    _revisions,
    _contacts,
    _corrections,
    _one_customer,
)


def failed(found: Sequence[Check]) -> Iterator[Check]:
    """Those that do not pass."""
    return (check for check in found if check.wrong)
