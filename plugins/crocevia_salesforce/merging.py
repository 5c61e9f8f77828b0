"""Merging records of one customer, which only the SOAP API can: up to two into a third, a call.

Source: SOAP API Developer Guide v60.0, "merge()": Account, Contact and Lead among others; up to three records with the
master; "MergeResult". SOAP's login() is on its way out, merge() and OAuth sessions in its header are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from attrs import define

from crocevia import Answer
from crocevia.errors import OutcomeUnknownError, RejectedError
from crocevia_salesforce.refusals import Circumstances, of_answer, of_row
from crocevia_salesforce.transport import Transport

MERGEABLE = ("Account", "Contact", "Lead")
LOSERS_A_CALL = 2
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
    'xmlns:ens="urn:sobject.partner.soap.sforce.com">'
    "<soapenv:Header><SessionHeader><sessionId>{session}</sessionId></SessionHeader></soapenv:Header>"
    "<soapenv:Body><merge><request><masterRecord><ens:type>{object}</ens:type><ens:Id>{survivor}</ens:Id></masterRecord>"
    "{losers}</request></merge></soapenv:Body></soapenv:Envelope>"
)


@define
class Merging:
    """Merges records of one org."""

    transport: Transport

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """Merge records into one, which keeps its own values, two a call.

        Raises:
            GoneError: one of them is not there any more.
            RejectedError: the org does not merge them.
            OutcomeUnknownError: no clear answer came: it may have happened.
            RemoteError: the decision for any other failure.
        """
        connection = self.transport.connection
        if object_name not in MERGEABLE:
            raise RejectedError(f"{connection}: {object_name} cannot be merged: merge by hand what it is kept beside")
        for start in range(0, len(loser_ids), LOSERS_A_CALL):
            some = loser_ids[start : start + LOSERS_A_CALL]
            answer = self.transport.soap(partial(_message, object_name, survivor_id, some))
            self._judge(answer, f"merge of {object_name} {', '.join(some)} into {survivor_id}")

    def _judge(self, answer: Answer, subject: str) -> None:
        """Raise the decision for anything but success."""
        where = Circumstances(connection=self.transport.connection, subject=subject, status=answer.status)
        body = parsed(answer.body)
        if body is None:
            if answer.status >= 300 and answer.status != 500:
                raise of_answer(answer, where)
            raise OutcomeUnknownError(
                f"{self.transport.connection}: {subject}: no clear answer: it may have happened", status=answer.status
            )
        if (fault := fault_of(body)) is not None:
            raise of_row([fault], where)
        failed = [_error(error) for error in body.iter() if _local(error) == "errors"]
        if failed or _text(body, "success") != "true":
            raise of_row(failed, where)


def _message(object_name: str, survivor_id: str, loser_ids: Sequence[str], session: str) -> bytes:
    losers = "".join(f"<recordToMergeIds>{escape(loser)}</recordToMergeIds>" for loser in loser_ids)
    named = {"object": object_name, "survivor": escape(survivor_id), "losers": losers}
    return _ENVELOPE.format(session=escape(session), **named).encode()


def parsed(body: bytes) -> ET.Element | None:
    """The envelope of a SOAP answer; None where it is none, broke off, or brings entities of its own."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 - without entities, which are refused above
    except ET.ParseError:
        return None
    return root if _local(root) == "Envelope" else None


def fault_of(envelope: ET.Element) -> dict[str, Any] | None:
    """A fault as REST would tell it; None where there is none."""
    if not any(_local(element) == "Fault" for element in envelope.iter()):
        return None
    code = _text(envelope, "exceptionCode") or _text(envelope, "faultcode").rpartition(":")[2]
    return {"errorCode": code, "message": _text(envelope, "exceptionMessage") or _text(envelope, "faultstring")}


def _error(element: ET.Element) -> dict[str, Any]:
    fields = [found.text or "" for found in element if _local(found) == "fields"]
    return {"statusCode": _text(element, "statusCode"), "message": _text(element, "message"), "fields": fields}


def _text(element: ET.Element, name: str) -> str:
    return next(((found.text or "").strip() for found in element.iter() if _local(found) == name), "")


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
