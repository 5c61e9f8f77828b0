"""Lead conversion: an account, a contact and, if wanted, an opportunity from a lead.

Source: SOAP API guide, convertLead(), v60.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.dml import saves
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import refuse_row
from crocevia_salesforce.simulator.schema import SObject

_SAME_NAMES = (
    "FirstName",
    "LastName",
    "Salutation",
    "Title",
    "Email",
    "Phone",
    "MobilePhone",
    "Description",
    "LeadSource",
    "HasOptedOutOfEmail",
    "DoNotCall",
)
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")


@frozen
class Converted:
    """What a lead became."""

    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(
    work: Work,
    lead_id: str,
    status: str,
    *,
    account_id: str | None = None,
    contact_id: str | None = None,
    opportunity: str | None = None,
) -> Converted:
    """Convert a lead.

    Args:
        work: The frame of the save.
        lead_id: The lead.
        status: The converted status that it gets.
        account_id: An account to join; None makes one of the lead's company.
        contact_id: A contact to join; None makes one of the lead's person.
        opportunity: Name of an opportunity to make; None makes none.

    Raises:
        ApiError: The lead is not there, is converted already, or what it becomes is refused.
    """
    objects = {name: _need(work, name) for name in ("Lead", "Account", "Contact")}
    lead = saves.living(work, objects["Lead"], lead_id)
    if lead.get("IsConverted"):
        raise refuse_row("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    with work.transaction():
        if account_id is None:
            account_id = saves.create(work, objects["Account"], _account(objects["Account"], lead))
        if contact_id is None:
            contact = _contact(objects["Contact"], objects["Lead"], lead) | {"AccountId": account_id}
            contact_id = saves.create(work, objects["Contact"], contact)
        opportunity_id = None
        if opportunity is not None:
            made = {
                "Name": opportunity,
                "AccountId": account_id,
                "StageName": "Prospecting",
                "CloseDate": work.stamp[:10],
            }
            opportunity_id = saves.create(work, _need(work, "Opportunity"), made)
        _close(work, objects["Lead"], lead, status, Converted(account_id, contact_id, opportunity_id))
    return Converted(account_id, contact_id, opportunity_id)


def _need(work: Work, name: str) -> SObject:
    sobject = work.full.get(name)
    if sobject is None:
        raise refuse_row("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return sobject


def _account(account: SObject, lead: Mapping[str, Any]) -> dict[str, Any]:
    found = {"Name": lead["Company"], "Phone": lead.get("Phone"), "Website": lead.get("Website")}
    found |= {f"Billing{part}": lead.get(part) for part in _ADDRESS}
    return {name: value for name, value in found.items() if value is not None and account.field(name)}


def _contact(contact: SObject, lead: SObject, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contact of a lead: standard fields; custom ones only go over where an administrator mapped them."""
    pairs = [(name, name) for name in _SAME_NAMES] + [(part, f"Mailing{part}") for part in _ADDRESS]
    found = {}
    for name, target in pairs:
        field = lead.field(name)
        if field and row.get(name) is not None and contact.field(target):
            found[target] = values.to_json(field, row[name])
    return found


def _close(work: Work, sobject: SObject, lead: Mapping[str, Any], status: str, made: Converted) -> None:
    closed = {
        "Status": status,
        "IsConverted": 1,
        "ConvertedDate": work.stamp[:10],
        "ConvertedAccountId": made.account_id,
        "ConvertedContactId": made.contact_id,
        "ConvertedOpportunityId": made.opportunity_id,
    }
    known = {name: value for name, value in closed.items() if sobject.field(name)}
    touched = {"LastModifiedDate": work.stamp, "LastModifiedById": work.actor.user_id, "SystemModstamp": work.stamp}
    work.database.update(sobject, lead["Id"], known | touched)
    work.mutated(sobject, "update", lead["Id"], known)
