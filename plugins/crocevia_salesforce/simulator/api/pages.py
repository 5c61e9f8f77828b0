"""The page of a CRM user: contacts, one contact with its interactions, edits and replies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, select_autoescape

from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.clock import stamp
from crocevia_salesforce.simulator.dml import saves
from crocevia_salesforce.simulator.errors import ApiError, not_found, refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org
from crocevia_salesforce.simulator.schema import SObject

_HTML = "text/html;charset=UTF-8"
_EDITED = ("FirstName", "LastName", "Email", "Phone", "MobilePhone", "HomePhone", "Title", "Language__c", "Description")
_SHOWN = 200
_INTERACTION = "Interaction__c"


@lru_cache(maxsize=1)
def _templates() -> Environment:
    found = Environment(loader=PackageLoader("crocevia_salesforce.simulator"), autoescape=select_autoescape())
    found.filters["moment"] = lambda text: (text or "")[:16].replace("T", " ")
    return found


def _page(org: Org, name: str, status: int = 200, **shown: Any) -> Answer:
    people = {"org_name": _name(org, "Organization", org.org_id), "user_name": _name(org, "User", org.crm_user)}
    html = _templates().get_template(name).render(**people, **shown)
    return Answer(
        status,
        html.encode(),
        {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"},
        _HTML,
    )


def _name(org: Org, object_name: str, record_id: str | None) -> str:
    sobject = org.schema.get(object_name)
    row = org.database.row(sobject, record_id) if sobject and record_id else None
    return str(row["Name"]) if row and row.get("Name") else ""


def _contact_object(org: Org) -> SObject:
    sobject = org.schema.get("Contact")
    if sobject is None:
        raise not_found("This org has no contacts")
    return sobject


def _form(call: Call) -> dict[str, str]:
    """Return a posted form; forms of other sites are refused.

    Raises:
        ApiError: 403 for a form that another origin posts.
    """
    origin = call.headers.get("origin")
    if origin not in (None, "null") and urlsplit(str(origin)).netloc != call.headers.get("host"):
        raise refuse(403, "FORBIDDEN", "The form comes from another site")
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


@root.add("GET", "/", is_open=True)
def contacts(org: Org, call: Call) -> Answer:
    """List the contacts, latest change first."""
    _contact_object(org)
    wanted = call.params.get("q", "").strip()
    like = f"%{wanted}%"
    where = 'c."IsDeleted" = 0 AND (c."Name" LIKE ? OR c."Phone" LIKE ? OR c."MobilePhone" LIKE ? OR c."Email" LIKE ?)'
    columns = 'c."Id", c."Name", c."Phone", c."MobilePhone", c."Email", c."LastModifiedDate"'
    counted = "0"
    if org.schema.get(_INTERACTION):
        counted = f'(SELECT COUNT(*) FROM "{_INTERACTION}" i WHERE i."Contact__c" = c."Id" AND i."IsDeleted" = 0)'
    order = f'ORDER BY c."SystemModstamp" DESC, c."Id" DESC LIMIT {_SHOWN}'
    sql = f'SELECT {columns}, {counted} AS interactions FROM "Contact" c WHERE {where} {order}'
    rows = [dict(row) for row in org.database.execute(sql, (like,) * 4)]
    total = org.database.one('SELECT COUNT(*) FROM "Contact" WHERE "IsDeleted" = 0')[0]
    return _page(org, "contacts.html", contacts=rows, total=total, wanted=wanted)


@root.add("POST", "/contacts", write=True, is_open=True)
def create(org: Org, call: Call) -> Answer:
    """Create a contact."""
    form = _form(call)
    with org.saving(org.user_actor) as work:
        record_id = saves.create(work, _contact_object(org), {k: v for k, v in form.items() if k in _EDITED})
    return Answer(303, None, {"Location": f"/contacts/{record_id}"})


def _living(org: Org, record_id: str) -> dict[str, Any]:
    row = org.database.row(_contact_object(org), record_id)
    if row is None or row["IsDeleted"]:
        raise not_found("There is no such contact")
    return row


@root.add("GET", "/contacts/{record_id}", is_open=True)
def contact(org: Org, call: Call, record_id: str) -> Answer:
    """Show a contact and its interactions."""
    del call
    return _show(org, _living(org, record_id), {}, None)


def _show(org: Org, row: Mapping[str, Any], given: Mapping[str, Any], problem: str | None) -> Answer:
    fields = [field for name in _EDITED if (field := _contact_object(org).field(name))]
    return _page(
        org,
        "contact.html",
        200 if problem is None else 400,
        contact=row,
        fields=fields,
        given={**row, **given},
        problem=problem,
        changed_by=_name(org, "User", row["LastModifiedById"]),
        interactions=_interactions(org, row["Id"]),
    )


def _interactions(org: Org, contact_id: str) -> list[dict[str, Any]]:
    if org.schema.get(_INTERACTION) is None:
        return []
    when = 'IFNULL("Occurred_At__c", "CreatedDate")'
    sql = f'SELECT * FROM "{_INTERACTION}" WHERE "Contact__c" = ? AND "IsDeleted" = 0 ORDER BY {when}, "Id"'
    return [dict(row) for row in org.database.execute(sql, (contact_id,))]


@root.add("POST", "/contacts/{record_id}", write=True, is_open=True)
def edit(org: Org, call: Call, record_id: str) -> Answer:
    """Save what the CRM user changed; fields left as they were are not touched."""
    row = _living(org, record_id)
    sobject = _contact_object(org)
    form = {name: value.replace("\r\n", "\n") for name, value in _form(call).items() if name in _EDITED}
    changed = {name: value for name, value in form.items() if (value.strip() or None) != row.get(name)}
    try:
        if changed:
            with org.saving(org.user_actor) as work:
                saves.update(work, sobject, record_id, changed)
    except ApiError as error:
        return _show(org, row, form, "; ".join(refusal.message for refusal in error.refusals))
    return Answer(303, None, {"Location": f"/contacts/{record_id}"})


@root.add("POST", "/contacts/{record_id}/reply", write=True, is_open=True)
def reply(org: Org, call: Call, record_id: str) -> Answer:
    """Answer the customer: an outbound interaction to be sent, in the conversation of the latest one."""
    _living(org, record_id)
    sobject = org.schema.get(_INTERACTION)
    if sobject is None:
        raise not_found("This org has no interactions")
    latest: dict[str, Any] = next(
        (item for item in reversed(_interactions(org, record_id)) if item["Direction__c"] == "Inbound"), {}
    )
    same = {name: latest.get(name) for name in ("Channel__c", "Connection__c", "Conversation__c")}
    record = {
        **{name: value for name, value in same.items() if value is not None},
        "Contact__c": record_id,
        "Direction__c": "Outbound",
        "Kind__c": "message",
        "Status__c": "To Send",
        "Body__c": _form(call).get("text", "").replace("\r\n", "\n"),
        "In_Reply_To__c": latest.get("Message_Id__c"),
        "Occurred_At__c": stamp(org.clock.now()),
        "Author__c": _name(org, "User", org.crm_user),
    }
    with org.saving(org.user_actor) as work:
        reply_id = saves.create(work, sobject, record)
    return Answer(303, None, {"Location": f"/contacts/{record_id}#{reply_id}"})
