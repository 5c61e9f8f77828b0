"""The verdict: what the vendor was acknowledged for against what the CRMs hold and what customers got.

It reads ledgers and contents, and asks the daemon for nothing but its books.
Pure: the same evidence, the same verdict.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

INTERACTIONS = ("message", "reaction", "system")
"""Kinds of leaves that are interactions of their own; the others revise one."""
_FURTHER = ("sent", "failed", "delivered", "read")


@frozen(kw_only=True)
class Leaf:
    """One thing that the vendor told and was answered 200 for."""

    id: str
    kind: str
    of: str | None = None
    status: str | None = None
    customer: str | None = None


@frozen(kw_only=True)
class Touch:
    """One interaction as a CRM holds it. `person`: the id of the customer's record there."""

    id: str
    message: str | None
    key: str | None
    text: str | None
    status: str | None
    person: str | None = None
    detail: str | None = None


@frozen(kw_only=True)
class Person:
    """One customer's record as a CRM holds it; `phones` and `emails` in digits and in small letters."""

    id: str
    key: str | None
    name: str
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Contents:
    """What one CRM holds at the end.

    Attributes:
        births: Object and our key of what the API created, each time that it did; empty where no ledger says it.
    """

    touches: Sequence[Touch] = ()
    people: Sequence[Person] = ()
    births: Sequence[tuple[str, str]] = ()


@frozen(kw_only=True)
class Answer:
    """An answer that a colleague wrote: where, and the vendor's ids of the messages that it made."""

    text: str
    crm: str
    sent: Sequence[str] = ()


@frozen(kw_only=True)
class Typed:
    """What a colleague typed last into a field of a customer in each CRM: `{CRM: value}`."""

    customer: str
    field: str
    values: Mapping[str, str | None]


@frozen(kw_only=True)
class Evidence:
    """Everything that the verdict is made from.

    Attributes:
        acknowledged: Leaves for which the vendor was answered 200.
        texts: What messages came to, by the vendor's id; None: revoked.
        parked: What the daemon reports as given to a person, by our key of it: unknown sends.
        asked: What it asks a person about: our key of a profile and a field of `typed`.
        status: What `crocevia status --json` says.
        drift: What `crocevia audit` says is not as it should be.
        created: Names of people whom colleagues entered, and in which CRM.
        left: Customers (by number) whose record a colleague deleted in a CRM: `{CRM: numbers}`.
        rested: Whether nothing was under way any more when this was gathered.
        wrong: What was seen to be broken on the way.
    """

    acknowledged: Sequence[Leaf] = ()
    texts: Mapping[str, str | None] = field(factory=dict)
    answers: Sequence[Answer] = ()
    typed: Sequence[Typed] = ()
    created: Mapping[str, str] = field(factory=dict)
    crms: Mapping[str, Contents] = field(factory=dict)
    parked: frozenset[str] = frozenset()
    asked: frozenset[tuple[str, str]] = frozenset()
    status: Mapping[str, Any] = field(factory=dict)
    drift: Sequence[str] = ()
    left: Mapping[str, frozenset[str]] = field(factory=dict)
    rested: bool = True
    wrong: Sequence[str] = ()


@define
class Verdict:
    """What is wrong, by id; nothing when all is well."""

    lost: list[str] = field(factory=list)
    doubled: list[str] = field(factory=list)
    unbalanced: list[str] = field(factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.unbalanced)


def verdict(evidence: Evidence) -> Verdict:
    """Judge a run."""
    lost = [*_lost_leaves(evidence), *_lost_changes(evidence), *_lost_answers(evidence), *_lost_fields(evidence)]
    doubled = [*_doubled_touches(evidence), *_doubled_people(evidence), *_doubled_answers(evidence), *evidence.wrong]
    return Verdict(lost, doubled, list(_unbalanced(evidence)))


# --- lost -------------------------------------------------------------------------------------------------------------


def _lost_leaves(evidence: Evidence) -> Iterator[str]:
    """Every message, reaction and notice is a record of each CRM, or that CRM's customer was deleted there."""
    for name, contents in evidence.crms.items():
        there = {touch.message for touch in contents.touches}
        for leaf in {leaf.id: leaf for leaf in evidence.acknowledged if leaf.kind in INTERACTIONS}.values():
            if leaf.id not in there and leaf.customer not in evidence.left.get(name, ()):
                yield f"{name}: {leaf.kind} {leaf.id} has no record"


def _lost_changes(evidence: Evidence) -> Iterator[str]:
    """Edited and revoked messages show what they came to; each answer's record the furthest status."""
    whose = {leaf.id: leaf.customer for leaf in evidence.acknowledged}
    furthest: dict[str, str] = {}
    for leaf in evidence.acknowledged:
        if leaf.kind == "status" and leaf.of and leaf.status:
            furthest[leaf.of] = max(leaf.status, furthest.get(leaf.of, "sent"), key=_FURTHER.index)
    for name, contents in evidence.crms.items():
        for touch in contents.touches:
            message = touch.message or ""
            if whose.get(message) in evidence.left.get(name, ()):
                continue  # the customer was deleted there: nothing is written to what is left of him
            if message in whose and message in evidence.texts and touch.text != evidence.texts[message]:
                yield f"{name}: {touch.id}: not the text that {message} came to"
            if message in furthest and (touch.status or "").lower() != furthest[message]:
                yield f"{name}: {touch.id}: {touch.status}, the vendor said {furthest[message]}"


def _lost_answers(evidence: Evidence) -> Iterator[str]:
    """Each answer went out, or was refused with a reason, or is reported as unknown; what went out is in each CRM."""
    for answer in evidence.answers:
        at_home = [touch for touch in evidence.crms[answer.crm].touches if touch.text == answer.text]
        refused = any((touch.status or "").lower() == "failed" and touch.detail for touch in at_home)
        parked = any(touch.key in evidence.parked for touch in at_home)
        if not (answer.sent or refused or parked):
            yield f"{answer.crm}: answer {answer.text!r}: neither sent, refused nor parked"
        for name, contents in evidence.crms.items():
            there = [touch for touch in contents.touches if touch.text == answer.text]
            if not there:
                yield f"{name}: answer {answer.text!r} has no record"


def _lost_fields(evidence: Evidence) -> Iterator[str]:
    """What a colleague typed last stands, in every CRM; where two typed, one of the two, the same everywhere.

    Unless a person is asked which: then each CRM may go on showing its own.
    """
    for typed in evidence.typed:
        shown, keys = {}, set()
        for name, contents in evidence.crms.items():
            people = [person for person in contents.people if typed.customer in person.phones]
            if len(people) != 1:
                continue  # none or several: said elsewhere
            shown[name] = _shown(people[0], typed)
            keys.add((people[0].key or "", typed.field))
        allowed = {_plain(typed.field, value) for value in typed.values.values()}
        asked = bool(keys & evidence.asked)
        for name, value in shown.items():
            if asked and name not in typed.values:
                continue  # where nobody typed it, what was there stays until a person has chosen
            if value not in allowed:
                yield f"{name}: {typed.field} of {typed.customer}: none of those that were typed"
        if len(set(shown.values())) > 1 and not asked:
            yield f"{typed.field} of {typed.customer}: not the same in {', '.join(sorted(shown))}"
    for name, contents in evidence.crms.items():
        names = Counter(person.name for person in contents.people)
        for created, crm in evidence.created.items():
            if not names[created]:
                yield f"{name}: {created!r}, entered in {crm}, is not there"


def _plain(field_: str, value: str | None) -> str | None:
    if value is None:
        return None
    return digits(value) if field_ == "phone" else value.lower() if field_ == "email" else value


def _shown(person: Person, typed: Typed) -> str | None:
    """The field's value: of e-mail addresses and work phones there is at most one."""
    if typed.field == "name":
        return person.name
    held = person.emails if typed.field == "email" else person.phones - {typed.customer}
    return ", ".join(sorted(held)) or None


def digits(phone: str) -> str:
    """A number as the vendor writes it."""
    found = "".join(char for char in phone if char.isdigit()).removeprefix("00")
    return found if phone.strip().startswith(("+", "00")) else f"39{found}"


# --- doubled ----------------------------------------------------------------------------------------------------------


def _doubled_touches(evidence: Evidence) -> Iterator[str]:
    """One record an interaction and CRM, living or ever."""
    for name, contents in evidence.crms.items():
        for what in ("message", "key"):
            found = Counter(value for touch in contents.touches if (value := getattr(touch, what)))
            yield from (f"{name}: {what} {value} is on {count} records" for value, count in found.items() if count > 1)
        born = Counter(contents.births)
        yield from (f"{name}: {kind} {key} was created {n} times" for (kind, key), n in born.items() if n > 1)


def _doubled_people(evidence: Evidence) -> Iterator[str]:
    """One record a customer and CRM; who was deleted or merged away does not come back."""
    for name, contents in evidence.crms.items():
        keys = Counter(person.key for person in contents.people if person.key)
        yield from (f"{name}: key {key} is on {count} people" for key, count in keys.items() if count > 1)
        phones: defaultdict[str, set[str]] = defaultdict(set)
        for person in contents.people:
            for phone in person.phones:
                phones[phone].add(person.id)
        yield from (f"{name}: {phone} is on {len(ids)} people" for phone, ids in phones.items() if len(ids) > 1)
        gone = evidence.left.get(name, frozenset())
        yield from (
            f"{name}: {person.id} came back after it was deleted" for person in contents.people if person.phones & gone
        )
        names = Counter(person.name for person in contents.people)
        yield from (f"{name}: {one!r} is there {names[one]} times" for one in evidence.created if names[one] > 1)


def _doubled_answers(evidence: Evidence) -> Iterator[str]:
    """No customer got the same message twice; no CRM shows it twice."""
    for answer in evidence.answers:
        if len(answer.sent) > 1:
            yield f"{answer.crm}: answer {answer.text!r} was sent {len(answer.sent)} times"
        for name, contents in evidence.crms.items():
            count = sum(touch.text == answer.text for touch in contents.touches)
            if count > 1:
                yield f"{name}: answer {answer.text!r} is on {count} records"


# --- unbalanced -------------------------------------------------------------------------------------------------------


def _unbalanced(evidence: Evidence) -> Iterator[str]:
    """The books, added up here once more; nothing under way at rest; nothing received that is not in them."""
    if not evidence.rested:
        yield "it never came to rest"
    for name, one in evidence.status.get("connections", {}).items():
        for part in ("incoming", "records", "commands"):
            terms = {term: count for term, count in one[part].items() if term != "unparsed"}
            total = terms.pop("received" if part == "incoming" else "wanted")
            if total != sum(terms.values()):
                yield f"{name}: {part}: {total} is not {'+'.join(map(str, terms.values()))}"
            waiting = terms["pending"] + one[part].get("unparsed", 0)
            if waiting:
                yield f"{name}: {part}: {waiting} still pending at rest"
    told = len({(leaf.id, leaf.kind) for leaf in evidence.acknowledged})
    received = evidence.status.get("connections", {}).get("whatsapp", {}).get("incoming", {}).get("received", told)
    if received < told:
        yield f"whatsapp: {received} leaves in the books, {told} acknowledged"
    yield from (f"audit: {line}" for line in evidence.drift)
