"""What everybody did, in a few dicts; nothing of the core's. What must be true at rest follows from it."""

from __future__ import annotations

import re
from typing import Any

from attrs import define, field

Place = tuple[str, str]
"""A record: `(connection, id)`."""

PEOPLE: dict[str, tuple[str | None, str | None]] = {
    "ada": ("Ada", "+393331234501"),
    "bob": ("Bob Rossi", "+393331234502"),
    "cem": (None, "+393331234503"),
    "dot": ("Dot", None),
    "eve": (None, None),
}
"""Customers of the channel: `(display name, phone)`."""


@define
class Said:
    """One message of a customer: its text, its edits as `(stamp, text)`, and whether it was taken back."""

    who: str
    text: str
    at: float
    edits: list[tuple[float, str]] = field(factory=list)
    removed: bool = False

    @property
    def texts(self) -> set[str | None]:
        """What it may say at rest: the newest edit; of two with one stamp either."""
        if self.removed:
            return {None}
        newest = max((at for at, _ in self.edits), default=0)
        return {text for at, text in self.edits if at == newest} or {self.text}


@define
class Answer:
    """An answer of a colleague. `sure`: at that time at rest, on a customer whom the channel reaches."""

    place: Place
    person: Place
    sure: bool


@define
class Customer:
    """A customer as he stood at the last rest: his names word by word, tags and numbers in each CRM."""

    places: frozenset[Place]
    names: dict[Place, str]
    tags: dict[Place, frozenset[str]]
    numbers: dict[Place, frozenset[str]]


@define
class Oracle:
    """What was done since the day began, and to which records since the last rest.

    Attributes:
        said: Messages by key.
        answers: Answers by text, which is each one's own.
        typed: Records that a person changed since the last rest, with what was entered last in each field.
        taken: Numbers that a person took off a record since the last rest, by record.
        shown: Customers who wrote since the last rest.
        mixed: Records that were merged, deleted or made since the last rest: they may take after others.
        gone: Records in a CRM's bin, with the fields that were typed just before.
        born: Records that a person made.
        merged: Records that were ever merged, and `merged_keys`: our keys that were on them.
        kin: People and records that may be one for reasons anybody can see; `family` reads it.
        ambiguous: Sends of which nobody can know whether they happened.
        asleep: How often a worker slept through its lease.
        customers: At the last rest, by profile.
    """

    said: dict[str, Said] = field(factory=dict)
    answers: dict[str, Answer] = field(factory=dict)
    drafts: dict[Place, str] = field(factory=dict)
    typed: dict[Place, dict[str, Any]] = field(factory=dict)
    taken: dict[Place, set[str]] = field(factory=dict)
    shown: set[str] = field(factory=set)
    mixed: set[Place] = field(factory=set)
    gone: dict[Place, dict[str, Any]] = field(factory=dict)
    born: set[Place] = field(factory=set)
    merged: set[Place] = field(factory=set)
    merged_keys: set[str] = field(factory=set)
    kin: dict[str, str] = field(factory=dict)
    words: set[str] = field(factory=set)
    ambiguous: int = 0
    asleep: int = 0
    customers: dict[str, Customer] = field(factory=dict)

    def type(self, place: Place, **values: Any) -> None:
        """A person has entered these values."""
        self.typed.setdefault(place, {}).update(values)
        for name in ("first", "last", "name"):
            self.words.update((values.get(name) or "").split())

    def took(self, place: Place, number: str | None) -> None:
        """A person has taken a number off a record."""
        if number:
            self.taken.setdefault(place, set()).add(digits(number))

    # --- who is who

    def same(self, one: str, other: str) -> None:
        """Two names of one customer: `chat:ada`, `tel:331234501`, `plain:P000001`."""
        self.kin[self.family(one)] = self.family(other)

    def family(self, name: str) -> str:
        """Whoever stands for all that may be one customer."""
        while (parent := self.kin.get(name, name)) != name:
            name = parent
        return name

    def writes(self, key: str, who: str, text: str, at: float) -> None:
        """A customer has written."""
        self.said[key] = Said(who, text, at)
        self.shown.add(who)
        name, phone = PEOPLE[who]
        self.words.update((name or "").split())
        if phone:
            self.same(f"chat:{who}", f"tel:{digits(phone)}")

    def holds(self, place: Place, number: str | None) -> None:
        """A record has a number: whoever has the same may be the same."""
        if number:
            self.same(":".join(place), f"tel:{digits(number)}")

    def rested(self, customers: dict[str, Customer]) -> None:
        """Everything is at rest: from here on count anew."""
        self.customers = customers
        for customer in customers.values():  # it was right, so who is one here is one
            names = [":".join(place) for place in customer.places]
            for name in names[1:]:
                self.same(names[0], name)
        for since in (self.typed, self.taken, self.shown, self.mixed):
            since.clear()


def digits(number: str) -> str:
    """A number whatever way it was written: its last nine digits; what is no number, as it is."""
    found = re.sub(r"\D", "", number)
    return found[-9:] if len(found) >= 6 else number


def joined(first: str | None, last: str | None) -> str:
    """A whole name."""
    return " ".join(part for part in (first, last) if part)


def cut(text: str | None, length: int) -> str | None:
    """As much of a text as a short field holds."""
    return text if text is None or len(text) <= length else text[:length].rstrip()


def name_of(values: dict[str, Any]) -> str:
    """The whole name on a record."""
    return values["name"] if "name" in values else joined(values["first"], values["last"])


def tags_of(values: dict[str, Any]) -> frozenset[str]:
    """The tags on a record."""
    return frozenset(tag.strip() for tag in (values["tags"] or "").split(";") if tag.strip())


def numbers_of(values: dict[str, Any]) -> frozenset[str]:
    """The numbers on a record, as digits."""
    if "reachable" in values:
        return frozenset(digits(text) for kind, text in values["reachable"] or () if kind != "mail")
    return frozenset(digits(values[name]) for name in ("mobile", "phone") if values[name])
