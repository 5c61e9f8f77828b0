"""Gathers what the oracle looks at: the vendor's memory and ledger, the CRMs' contents, the daemon's books."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from typing import Any

from tests.faults.deeds import People
from tests.faults.oracle import Answer, Contents, Evidence, Leaf, Person, Touch, Typed, digits
from tests.faults.schedule import LEAVER
from tests.faults.site import Site

_FIELDS = {"given_name": "name", "family_name": "name", "contact_points": "email"}
_MESSAGE = re.compile(r"message (i[a-z2-7]{26})")


def gather(site: Site, people: People, *, rested: bool, wrong: list[str]) -> Evidence:
    """Read everything. The daemons have stopped."""
    crms = {"salesforce": salesforce(site)}
    if site.clerk is not None:
        crms["tryton"] = tryton(site)
    values: defaultdict[tuple[str, str], dict[str, str | None]] = defaultdict(dict)
    for (who, field, crm), value in people.typed.items():
        values[people.numbers[who], field][crm] = value
    left = frozenset({people.numbers[LEAVER]} if people.contacts.get(LEAVER) in people.deleted else ())
    return Evidence(
        acknowledged=acknowledged(site),
        texts=people.texts,
        answers=[Answer(text=text, crm=crm, sent=sent(site, text)) for text, crm in people.answers.items()],
        typed=[Typed(customer=number, field=field, values=by) for (number, field), by in values.items()],
        created=people.created,
        crms=crms,
        parked=parked(site),
        asked=asked(site),
        status=status(site),
        drift=drift(site),
        left={"salesforce": left},
        rested=rested,
        wrong=wrong,
    )


def acknowledged(site: Site) -> list[Leaf]:
    """The leaves of the deliveries that the vendor was answered 200 for."""
    rows = site.vendor_rows("SELECT leaves FROM deliveries WHERE acknowledged")
    found = {(leaf["id"], leaf["kind"]): leaf for row in rows for leaf in json.loads(row["leaves"])}
    names = ("id", "kind", "of", "status", "customer")
    return [Leaf(**{name: leaf.get(name) for name in names}) for leaf in found.values()]


def sent(site: Site, text: str) -> list[str]:
    """The vendor's ids of the messages of these words that it took."""
    wanted = hashlib.sha256(text.encode()).hexdigest()
    path = site.folder / "ledger" / "vendor_received.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line["id"] for line in map(json.loads, lines) if line["text_sha256"] == wanted]


def salesforce(site: Site) -> Contents:
    """Contacts and interactions of the simulated org, and what the API ever created there."""
    fields = "Id, Message_Id__c, Crocevia_Key__c, Body__c, Status__c, Status_Detail__c, Contact__c"
    touches = [
        Touch(
            id=row["Id"],
            message=row["Message_Id__c"],
            key=row["Crocevia_Key__c"],
            text=row["Body__c"],
            status=row["Status__c"],
            detail=row["Status_Detail__c"],
            person=row["Contact__c"],
        )
        for row in site.org.query(f"SELECT {fields} FROM Interaction__c")
    ]
    rows = site.org.query(
        "SELECT Id, Crocevia_Key__c, FirstName, LastName, MobilePhone, Phone, HomePhone, Email FROM Contact"
    )
    people = [
        Person(
            id=row["Id"],
            key=row["Crocevia_Key__c"],
            name=" ".join(part for part in (row["FirstName"], row["LastName"]) if part),
            phones=frozenset(digits(row[name]) for name in ("MobilePhone", "Phone", "HomePhone") if row[name]),
            emails=frozenset(row["Email"].lower() for _ in "x" if row["Email"]),
        )
        for row in rows
    ]
    births = [
        (line["object"], line["values"]["Crocevia_Key__c"])
        for line in site.org.mutations()
        if line["op"] == "create" and line["by"] == "api" and line["values"].get("Crocevia_Key__c")
    ]
    return Contents(touches=touches, people=people, births=births)


def tryton(site: Site) -> Contents:
    """Parties and interactions of the real Tryton, as a person sees them."""
    assert site.clerk is not None
    names = ["message_id", "key", "body", "status", "status_detail", "party"]
    touches = [
        Touch(
            id=str(row["id"]),
            message=row["message_id"] or None,
            key=row["key"] or None,
            text=row["body"] or None,
            status=row["status"],
            detail=row["status_detail"],
            person=str(row["party"]),
        )
        for row in site.clerk.call("model.crocevia.interaction.search_read", [], 0, None, None, names)
    ]
    names = ["name", "crocevia_key", "contact_mechanisms.type", "contact_mechanisms.value"]
    people = [_party(row) for row in site.clerk.call("model.party.party.search_read", [], 0, None, None, names)]
    return Contents(touches=touches, people=people)


def _party(row: dict[str, Any]) -> Person:
    rows = row["contact_mechanisms."]
    return Person(
        id=str(row["id"]),
        key=row["crocevia_key"] or None,
        name=row["name"] or "",
        phones=frozenset(digits(one["value"]) for one in rows if one["type"] in ("phone", "mobile")),
        emails=frozenset(one["value"].lower() for one in rows if one["type"] == "email"),
    )


def status(site: Site) -> dict[str, Any]:
    """What `crocevia status --json` says."""
    done = site.crocevia("status", "--json")
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        raise RuntimeError(f"crocevia status failed: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def letters(site: Site) -> list[dict[str, Any]]:
    """What `crocevia dead list --json` says."""
    done = site.crocevia("dead", "list", "--json")
    if done.returncode != 0:
        raise RuntimeError(f"crocevia dead list failed: {done.stderr[-500:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def parked(site: Site) -> frozenset[str]:
    """Our ids of the messages that the daemon reports as unknown."""
    unknown = [letter for letter in letters(site) if letter["error"].startswith("OutcomeUnknownError")]
    return frozenset(shown[1] for letter in unknown if (shown := _MESSAGE.search(letter["message"])))


def asked(site: Site) -> frozenset[tuple[str, str]]:
    """Our key of each profile, and the field, that `crocevia review` asks a person about."""
    done = site.crocevia("review", "list", "--json")
    if done.returncode != 0:
        raise RuntimeError(f"crocevia review list failed: {done.stderr[-500:]}")
    entries = [one["data"] for one in json.loads(done.stdout) if one["kind"] in ("conflict", "oscillation")]
    return frozenset(
        (entry.get("profile", ""), _FIELDS.get(field, field)) for entry in entries for field in entry.get("fields", ())
    )


def drift(site: Site) -> list[str]:
    """What `crocevia audit` finds in the CRMs themselves: records that are not as they should be."""
    done = site.crocevia("audit", "--json", "--limit", "1000")
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        raise RuntimeError(f"crocevia audit failed: {done.stderr[-500:]}")
    found: list[str] = []
    for name, one in json.loads(done.stdout).items():
        told = [
            f"{name}: {line['object']} {line['remote_id']} {line['what']}: {', '.join(line['fields'])}"
            for line in one["differences"]
        ]
        found += told
        if not (one["clean"] or told):
            found.append(f"{name}: not clean: {one['trouble'] or 'the books do not balance'}")
        if one["waiting"]:
            found.append(f"{name}: {one['waiting']} records still to be written")
    return found
