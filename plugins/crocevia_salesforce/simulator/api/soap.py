"""``/services/Soap/u/…``: what only SOAP can do: login, merge, convertLead, undelete. The partner WSDL's shapes.

Source: SOAP API Developer Guide, v60.0; login() is gone from v65.0 on (release notes, Winter '26).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from attrs import evolve

from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.clock import stamp
from crocevia_salesforce.simulator.dml import deletes
from crocevia_salesforce.simulator.dml.convert import convert_lead
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, refuse_row
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.ids import widen
from crocevia_salesforce.simulator.org import Org

_XML = "text/xml;charset=UTF-8"
_LOGIN_GONE = 65.0
_SESSION = frozenset({"getUserInfo", "getServerTimestamp", "logout"})
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>'
)


def _answer(inner: str, status: int = 200) -> Answer:
    return Answer(status, _ENVELOPE.format(inner).encode(), {}, _XML)


def _fault(code: str, message: str) -> Answer:
    detail = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{escape(message)}</sf:exceptionMessage>"
    name = "LoginFault" if code == "INVALID_LOGIN" else "UnexpectedErrorFault"
    return _answer(
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring>"
        f'<detail><sf:{name} xsi:type="sf:{name}">{detail}</sf:{name}></detail></soapenv:Fault>',
        500,
    )


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(element: ET.Element, name: str) -> list[str]:
    return [(found.text or "").strip() for found in element.iter() if _local(found) == name]


def _one(element: ET.Element, name: str) -> str:
    return next(iter(_texts(element, name)), "")


def _parse(body: bytes) -> ET.Element | None:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        return ET.fromstring(body)  # noqa: S314  # no entities: refused above
    except ET.ParseError:
        return None


@root.add("POST", "/services/Soap/{kind}/{version}", write=True, is_open=True)
@root.add("POST", "/services/Soap/{kind}/{version}/{org_id}", write=True, is_open=True)
def soap(org: Org, call: Call, kind: str, version: str, org_id: str = "") -> Answer:
    """Answer one SOAP call."""
    envelope = _parse(call.body)
    body = None if envelope is None else next((part for part in envelope if _local(part) == "Body"), None)
    if envelope is None or body is None or not len(body):
        return _fault("UNKNOWN_EXCEPTION", "no SOAP envelope with a body, or one with a document type")
    operation = body[0]
    if _local(operation) == "login":
        return _login(org, call, operation, kind, version)
    handler = _OPERATIONS.get(_local(operation))
    if handler is None and _local(operation) not in _SESSION:
        return _fault("INVALID_OPERATION", f"{_local(operation)} is not simulated over SOAP")
    session = _one(envelope, "sessionId")
    actor = org.sessions.user_of(session)
    if actor is None:
        return _fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session")
    if handler is None:
        return _about_session(org, _local(operation), session, actor)
    with org.saving(evolve(org.api_actor, user_id=actor)) as work:
        results = [_result(partial(handler, org, work, part), work) for part in operation]
    name = _local(operation)
    return _answer(f"<{name}Response>{''.join(f'<result>{result}</result>' for result in results)}</{name}Response>")


def _about_session(org: Org, name: str, session: str, user: str) -> Answer:
    """Answer what concerns the session alone: who, when, and its end."""
    if name == "logout":
        org.sessions.end(session)
        return _answer("<logoutResponse/>")
    if name == "getServerTimestamp":
        now = stamp(org.clock.now()).replace("+0000", "Z")
        return _answer(f"<{name}Response><result><timestamp>{now}</timestamp></result></{name}Response>")
    return _answer(f"<{name}Response><result>{_user_info(org, user)}</result></{name}Response>")


def _user_info(org: Org, user: str) -> str:
    sobject = org.schema.get("User")
    row = (org.database.row(sobject, user) if sobject else None) or {}
    told = {
        "organizationId": org.org_id,
        "userId": user,
        "userName": row.get("Username"),
        "userFullName": row.get("Name"),
        "userEmail": row.get("Email"),
        "userLanguage": "en_US",
        "userLocale": "en_US",
        "userTimeZone": "GMT",
        "userType": "Standard",
    }
    return "".join(f"<{key}>{escape(str(value or ''))}</{key}>" for key, value in told.items())


def _login(org: Org, call: Call, operation: ET.Element, kind: str, version: str) -> Answer:
    if version.replace(".", "", 1).isdigit() and float(version) >= _LOGIN_GONE:
        return _fault("INVALID_OPERATION", "login() is not available in this API version; use OAuth")
    good = {org.options.password, org.options.password + org.options.security_token}
    if _one(operation, "username") != org.options.username or _one(operation, "password") not in good:
        message = "Invalid username, password, security token; or user locked out."
        return _fault("INVALID_LOGIN", message)
    server = f"{call.base_url}/services/Soap/{kind}/{version}/{org.org_id[:15]}"
    info = f"<userInfo>{_user_info(org, org.integration_user)}</userInfo>"
    return _answer(
        f"<loginResponse><result><metadataServerUrl>{server.replace('/u/', '/m/')}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>{server}</serverUrl>"
        f"<sessionId>{org.sessions.open(org.integration_user)}</sessionId><userId>{org.integration_user}</userId>{info}"
        f"</result></loginResponse>",
    )


def _result(do: Callable[[], str], work: Work) -> str:
    try:
        with work.transaction():
            return do() + "<success>true</success>"
    except ApiError as error:
        told = "".join(
            f"<errors><message>{escape(refusal.message)}</message><statusCode>{refusal.code}</statusCode></errors>"
            for refusal in error.refusals
        )
        return told + "<success>false</success>"


def _known(org: Org, record_id: str) -> tuple[Any, str]:
    wide = widen(record_id)
    sobject = org.schema.by_id(wide) if wide else None
    if sobject is None or wide is None:
        raise refuse_row("MALFORMED_ID", f"malformed id {record_id}")
    return sobject, wide


def _merge(org: Org, work: Work, part: ET.Element) -> str:
    master = next((child for child in part if _local(child) == "masterRecord"), part)
    sobject, master_id = _known(org, _one(master, "Id"))
    losers = [_known(org, text)[1] for text in _texts(part, "recordToMergeIds")]
    moved = deletes.merge(work, sobject, master_id, losers)
    gone = "".join(f"<mergedRecordIds>{loser}</mergedRecordIds>" for loser in losers)
    return f"<id>{master_id}</id>{gone}" + "".join(f"<updatedRelatedIds>{child}</updatedRelatedIds>" for child in moved)


def _convert(org: Org, work: Work, part: ET.Element) -> str:
    skip = _one(part, "doNotCreateOpportunity") == "true"
    sobject, lead_id = _known(org, _one(part, "leadId"))
    name = _one(part, "opportunityName") or str((org.database.row(sobject, lead_id) or {}).get("Company"))
    made = convert_lead(
        work,
        lead_id,
        _one(part, "convertedStatus"),
        account_id=_one(part, "accountId") or None,
        contact_id=_one(part, "contactId") or None,
        opportunity=None if skip else name,
    )
    opportunity = f"<opportunityId>{made.opportunity_id}</opportunityId>" if made.opportunity_id else ""
    people = f"<accountId>{made.account_id}</accountId><contactId>{made.contact_id}</contactId>"
    return f"{people}<leadId>{lead_id}</leadId>{opportunity}"


def _undelete(org: Org, work: Work, part: ET.Element) -> str:
    sobject, record_id = _known(org, (part.text or "").strip())
    deletes.undelete(work, sobject, record_id)
    return f"<id>{record_id}</id>"


_OPERATIONS: dict[str, Callable[[Org, Work, ET.Element], str]] = {
    "merge": _merge,
    "convertLead": _convert,
    "undelete": _undelete,
}
