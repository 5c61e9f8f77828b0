"""Values on their way: Salesforce's form of what a record holds, such that equal things compare equal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from crocevia import ParseContext
from crocevia_salesforce.children import RELATIONSHIP, rows_of

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000\Z")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
CONVERTED = {"ConvertedContactId": "Contact", "ConvertedAccountId": "Account"}
"""What a converted lead became, and the object of it: a contact, or a person account."""
SYSTEM_FIELDS = ("SystemModstamp", "IsDeleted", "MasterRecordId", "LastModifiedById", "IsConverted", *CONVERTED)
"""Read with every record, where the object has them, to tell what happened to it; no values of ours."""


def received(row: Mapping[str, Any], moments: Collection[str]) -> dict[str, Any]:
    """A record's values as lenses compare them: times end in Z, whole numbers are integers, lines in a line feed.

    Args:
        row: One record of an answer.
        moments: Fields of type datetime; the same text in a text field is a text.
    """
    skipped = ("attributes", "Id", *SYSTEM_FIELDS)
    return {
        name: _children(value) if name == RELATIONSHIP else _received(value, name in moments)
        for name, value in row.items()
        if name not in skipped
    }


def _children(value: Any) -> list[list[str]]:
    """Child rows: a result of their own within a query's row, null for none, or a plain list."""
    return rows_of(value["records"] if isinstance(value, dict) else value or ())


def _received(value: Any, is_moment: bool) -> Any:  # noqa: FBT001 - both come from one place
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        if is_moment and MOMENT.match(value):
            return value.removesuffix("+0000") + "Z"
        return value.replace("\r\n", "\n") or None
    return value


def sendable(value: Any) -> Any:
    """A value that JSON and Salesforce can take: no half of a surrogate pair, no control characters."""
    if isinstance(value, str) and not (value.isascii() and value.isprintable()) and _UNSENDABLE.search(value):
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _CONTROLS.sub("", whole)
    return value


def written_text(value: Any) -> str | None:
    """A text as Salesforce will keep it: without spaces around it, and none at all where nothing is left."""
    kept: str = sendable(str(value)).replace("\r\n", "\n").strip()
    return kept or None


def written_moment(value: Any) -> str:
    """A time to the second, which is as fine as a datetime field is.

    Source: SOAP API guide v60.0, "Primitive Data Types": "Regular dateTime fields are full timestamps with a precision
    of one second."
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC).isoformat()[:19] + ".000Z"


def moment_of(text: str) -> datetime:
    """A time of an answer. Raises MalformedError for anything else."""
    return ParseContext.from_iso(text)


def soql_moment(stamp: str) -> str:
    """A stamp of an answer as SOQL writes it, without quotes."""
    return stamp.removesuffix("+0000") + "Z" if MOMENT.match(stamp) else stamp
