"""Who is in the day: customers with names that CRMs find hard, and the contacts that the CRM has before it begins."""

from __future__ import annotations

import random
from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class Customer:
    """One customer.

    Attributes:
        id: Short name in the script.
        name: As the phone shows it; None: no name at all.
        address: Number in digits, or the user id of somebody who hides it.
        contact: The CRM's record of before the day; None: unknown there.
        moves_to: Number that the customer changes to during the day.
        fails: Whether no message reaches the customer.
    """

    id: str
    name: str | None
    address: str
    contact: Mapping[str, str] | None = None
    moves_to: str | None = None
    fails: bool = False


@frozen(kw_only=True)
class Cast:
    """Everybody. `bystanders`: contacts of the CRM who do not write that day."""

    customers: tuple[Customer, ...]
    bystanders: tuple[Mapping[str, str], ...] = field(factory=tuple)


_PREFIXES = ("320", "328", "333", "338", "340", "347", "348", "349", "366", "380", "391")
_NAMES: dict[str, str | None] = {
    "anna": "Anna Rossi",
    "mirella": "Mirella",
    "grazia": "Maria Grazia De Luca",
    "giulia": "🌻 Giulia 🌻",
    "avraham": "אברהם כהן",
    "layla": "ليلى حداد",
    "principessa": "Maria Antonietta Ludovica Ferdinanda Boncompagni Ludovisi Rospigliosi Pallavicini Colonna",
    "dario": "Dario D'Angelo",
    "nicolo": "Nicolò",
    "xiaoming": "王小明",
    "bee": "🐝",
    "nobody": None,
    "marco": "Marco Bianchi",
}


def cast(chance: random.Random) -> Cast:
    """The people of a day; their numbers, and how the CRM's users typed them, are up to chance."""
    numbers = dict(zip((*_NAMES, "new", "aside"), _numbers(chance, len(_NAMES) + 2), strict=True))
    contacts = {
        "anna": {
            "FirstName": "Anna",
            "LastName": "Rossi",
            "MobilePhone": typed(numbers["anna"], chance),
            "Phone": "011 555 0101",
        },
        "grazia": {"LastName": "De Luca", "FirstName": "Maria Grazia", "MobilePhone": typed(numbers["grazia"], chance)},
        "marco": {
            "FirstName": "Marco",
            "LastName": "Bianchi",
            "MobilePhone": typed(numbers["marco"], chance),
            "Email": "marco@bianchi.example",
        },
    }
    customers = tuple(
        Customer(
            id=id_,
            name=name,
            address="IT." + "".join(chance.choices("0123456789", k=13)) if id_ == "nicolo" else numbers[id_],
            contact=contacts.get(id_),
            moves_to=numbers["new"] if id_ == "dario" else None,
            fails=id_ == "bee",
        )
        for id_, name in _NAMES.items()
    )
    bystanders = (
        {"FirstName": "Rosa", "LastName": "Ferraris", "MobilePhone": typed(numbers["aside"], chance)},
        {"LastName": "Ciclofficina Po S.n.c.", "Email": "info@ciclofficina.example"},
    )
    return Cast(customers=customers, bystanders=bystanders)


def _numbers(chance: random.Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"39{chance.choice(_PREFIXES)}{chance.randrange(1_000_000, 10_000_000)}"] = None
    return list(found)


def typed(number: str, chance: random.Random) -> str:
    """An Italian number as one person or another types it."""
    national = number.removeprefix("39")
    groups = f"{national[:3]} {national[3:6]} {national[6:]}"
    return chance.choice(
        [f"+39 {groups}", groups, f"0039{national}", f"{national[:3]}-{national[3:]}", f"+39{national}"]
    )
