"""What the org does of its own accord at a save: derived fields, flows, validation rules, duplicate rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from crocevia_salesforce.simulator import clock, values
from crocevia_salesforce.simulator.database import quote
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, Refusal, refuse, refuse_row
from crocevia_salesforce.simulator.rules import DuplicateRule
from crocevia_salesforce.simulator.schema import SObject
from crocevia_salesforce.simulator.soql.parser import parse_condition
from crocevia_salesforce.simulator.soql.resolve import Source
from crocevia_salesforce.simulator.soql.syntax import Condition
from crocevia_salesforce.simulator.soql.where import Conditions

_PLACEHOLDER = re.compile(r"\{!(\w+)\}")
_DUPLICATE = "You're creating a duplicate record. We recommend you use an existing record instead."
_CLOSED = {
    ("Task", "Status"): {"IsClosed": {"Completed"}},
    ("Case", "Status"): {"IsClosed": {"Closed"}},
    ("Opportunity", "StageName"): {"IsClosed": {"Closed Won", "Closed Lost"}, "IsWon": {"Closed Won"}},
}
_parse = lru_cache(maxsize=256)(parse_condition)


def derive(sobject: SObject, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that follow from others: names, whether a task is closed or an account a person."""
    found: dict[str, Any] = {}
    person = sobject.field("IsPersonAccount") is not None and bool(row.get("LastName"))
    if sobject.field("IsPersonAccount"):
        found["IsPersonAccount"] = int(person)
    if sobject.field("LastName") and (name := sobject.field("Name")) and (person or not name.createable):
        parts = [row.get("FirstName"), row.get("LastName")]
        found["Name"] = " ".join(part for part in parts if part) or None
    if sobject.name == "Task" and sobject.field("AccountId"):  # through the contact it would be too, in an org
        about = str(row.get("WhatId") or "")
        found["AccountId"] = about if about.startswith("001") else None
    for (object_name, source), flags in _CLOSED.items():
        if sobject.name == object_name and sobject.field(source):
            found |= {flag: int(row.get(source) in states) for flag, states in flags.items() if sobject.field(flag)}
    return found


def holds(work: Work, sobject: SObject, record_id: str, condition: str) -> bool:
    """Return whether a condition holds for a record as it now is in the transaction.

    Raises:
        ApiError: MALFORMED_QUERY or INVALID_FIELD, when the condition itself is wrong.
    """
    parsed: Condition = _parse(condition)
    source = Source(work.full, sobject, condition, "t")
    text, parameters = Conditions(source, clock.parse_moment(work.stamp), _no_semi_join).sql(parsed)
    joins = " ".join(source.join_sql)
    sql = f'SELECT 1 FROM {quote(sobject.name)} t {joins} WHERE t."Id" = ? AND {text}'
    return work.database.one(sql, (record_id, *parameters)) is not None


def _no_semi_join(_: Any) -> Any:
    raise refuse_row("MALFORMED_QUERY", "conditions of rules have no semi-joins")


def run_flows(work: Work, sobject: SObject, record_id: str, op: str) -> dict[str, Any]:
    """Return what the flows set on a record; the caller saves it."""
    found: dict[str, Any] = {}
    for flow in work.rules.flows:
        if flow.object.lower() != sobject.name.lower() or op not in flow.on:
            continue
        if flow.condition is not None and not holds(work, sobject, record_id, flow.condition):
            continue
        row = work.database.row(sobject, record_id) or {}
        for name, value in flow.set.items():
            field = sobject.field(name)
            if field is None:
                message = f"The flow failed to access the value for {name} because it hasn't been set or assigned."
                raise refuse_row("CANNOT_EXECUTE_FLOW_TRIGGER", message)
            found[field.name] = values.to_column(field, _filled(value, {**row, **found}))
    return found


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    return _PLACEHOLDER.sub(lambda match: str(row.get(match.group(1)) or ""), value)


def validate(work: Work, sobject: SObject, record_id: str) -> None:
    """Refuse a record that a validation rule does not want; all rules that it breaks are named."""
    broken = [
        Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, (rule.field,) if rule.field else ())
        for rule in work.rules.validation
        if rule.object.lower() == sobject.name.lower() and holds(work, sobject, record_id, rule.condition)
    ]
    if broken:
        raise ApiError(400, broken)


def check_duplicates(work: Work, sobject: SObject, record_id: str, op: str) -> None:
    """Refuse a record that a duplicate rule finds elsewhere, unless it only alerts and the client allows the save."""
    row: Mapping[str, Any] | None = None
    for rule in work.rules.duplicates:
        if rule.object.lower() != sobject.name.lower() or op not in rule.on:
            continue
        if rule.action == "alert" and (work.duplicates.allow_save or work.actor.by == "user"):
            continue
        row = row or work.database.row(sobject, record_id) or {}
        matches = _matches(work, sobject, rule, row)
        if matches:
            raise refuse(400, "DUPLICATES_DETECTED", _DUPLICATE, **_duplicate_result(work, sobject, rule, matches))


def _matches(work: Work, sobject: SObject, rule: DuplicateRule, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = [field for name in rule.fields if (field := sobject.field(name))]
    if not fields or any(row.get(field.name) is None for field in fields):
        return []
    where = " AND ".join(f"{quote(field.name)} = ?" for field in fields)
    sql = f'SELECT * FROM {quote(sobject.name)} WHERE {where} AND "Id" <> ? AND "IsDeleted" = 0 ORDER BY "Id" LIMIT 100'
    parameters = [*(row[field.name] for field in fields), row["Id"]]
    return [dict(found) for found in work.database.execute(sql, parameters)]


def _duplicate_result(
    work: Work, sobject: SObject, rule: DuplicateRule, matches: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the body that real replies carry under ``duplicateResut``, misspelt as it is there (recorded, v50.0)."""
    shown = sobject.fields.values() if work.duplicates.include_details else [sobject.fields["id"]]
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {
                    "type": sobject.name,
                    "url": f"/services/data/v60.0/sobjects/{sobject.name}/{match['Id']}",
                },
                **{field.name: values.to_json(field, match[field.name]) for field in shown if field.is_stored},
            },
        }
        for match in matches
    ]
    return {
        "duplicateResut": {
            "allowSave": rule.action == "alert",
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": sobject.name,
            "errorMessage": _DUPLICATE,
            "matchResults": [
                {
                    "entityType": sobject.name,
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": records,
                    "rule": f"{sobject.name}_MR",
                    "size": len(records),
                    "success": True,
                },
            ],
        },
    }
