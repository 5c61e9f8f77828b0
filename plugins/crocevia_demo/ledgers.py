"""What vendor and CRM wrote down, read back: the ground that the day is checked on."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from attrs import define, field

FILES = ("vendor_sent.jsonl", "vendor_received.jsonl", "crm_mutations.jsonl", "crm_calls.jsonl")
INTERACTIONS = ("message", "reaction", "system", "call", "email", "visit", "comment")
"""Kinds of leaves that are interactions of their own; the others revise one."""

Line = dict[str, Any]


@define
class Ledgers:
    """One day's ledgers.

    Attributes:
        lines: How many leaves left by WhatsApp, redeliveries included.
        leaves: What left the vendor, by id, once each.
        replies: What the vendor took, by our message's id; every time it took it.
        records: Living records of the CRM by object and id, as the mutations made them.
        births: The mutation that made each record, by its id: `by` says whether a `"user"` did or the `"api"`.
    """

    lines: int = 0
    leaves: dict[str, Line] = field(factory=dict)
    replies: defaultdict[str, list[Line]] = field(factory=lambda: defaultdict(list))
    records: defaultdict[str, dict[str, Line]] = field(factory=lambda: defaultdict(dict))
    births: dict[str, Line] = field(factory=dict)

    @property
    def whatsapp(self) -> list[Line]:
        """Leaves that left by WhatsApp, once each."""
        return [leaf for leaf in self.leaves.values() if "road" not in leaf]

    @property
    def by_message(self) -> dict[str, list[str]]:
        """Ids of the living interaction records by the channel's message id."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for id_, record in self.records["Interaction__c"].items():
            if record.get("Message_Id__c"):
                found[record["Message_Id__c"]].append(id_)
        return found


def read(folder: Path) -> Ledgers:
    """Read the ledgers of a folder."""
    made = Ledgers()
    for line in _lines(folder / "vendor_sent.jsonl"):
        made.lines += "road" not in line
        made.leaves.setdefault(line["id"], line)
    for line in _lines(folder / "vendor_received.jsonl"):
        made.replies[line["callback"]].append(line)
    for line in _lines(folder / "crm_mutations.jsonl"):
        _mutate(made, line)
    return made


def _mutate(made: Ledgers, line: Line) -> None:
    records = made.records[line["object"]]
    match line["op"]:
        case "delete" | "merge":
            records.pop(line["id"], None)
        case "create":
            records[line["id"]] = dict(line["values"])
            made.births[line["id"]] = line
        case _:
            records.setdefault(line["id"], {}).update(line["values"])


def _lines(path: Path) -> list[Line]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
