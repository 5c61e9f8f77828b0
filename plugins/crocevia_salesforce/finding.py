"""Records by contact point: a wide question to Salesforce, a strict comparison here.

SOQL compares text, and people write one number in many ways: `+39 333 1234567`, `333-123.45.67`. So a phone is asked
for as `LIKE '%3%3%3%1%2%3%4%5%6%7'` (its national digits in order, whatever stands between), and of what comes back
only what normalises to the same E.164 counts. An address is asked for as it is: SOQL's `IN` overlooks case.

Limits: the fields are those of type phone and email that the mapping reads; a leading `%` cannot use an index, so on an
object of millions of rows the org may answer QUERY_TIMEOUT (then it is tried again); contact points of other kinds are
not in these fields and are not found here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import phonenumbers
from simple_salesforce.format import format_soql

from crocevia import ContactPoint, Record
from crocevia.errors import RemoteError
from crocevia_salesforce.reads import record, selected
from crocevia_salesforce.schemas import Schemas
from crocevia_salesforce.transport import Transport

POINTS_A_QUERY = 200
QUERIES_A_CALL = 5
"""Queries a Composite takes. Source: REST API guide v60.0, "Composite": 25 subrequests, 5 of them queries."""
QUERY_CHARACTERS = 12_000
"""Longest query, encoded: a URI may have 16,384 bytes. Source: REST API guide v60.0, "Query": 414 beyond it."""


class Finder:
    """Finds records of one org. `region`: country of numbers without a prefix; None: that of the number looked for."""

    def __init__(self, transport: Transport, schemas: Schemas, region: str | None, now: Callable[[], datetime]) -> None:
        self._now = now
        self._transport = transport
        self._schemas = schemas
        self._region = region

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> dict[ContactPoint, list[Record]]:
        """Live records that hold one of these points, oldest first; 250 numbers or a thousand addresses a call."""
        schema = self._schemas.known(object_name)
        places = {"phone": schema.of_type("phone", fields), "email": schema.of_type("email", fields)}
        wanted = [point for point in dict.fromkeys(points) if places.get(point.kind)]
        head = f"SELECT {', '.join(selected(schema, fields))} FROM {object_name} WHERE "  # noqa: S608 - SOQL, of names the org gave
        only = f" AND {schema.only}" if schema.only else ""
        queries = [f"{head}({where}){only}" + " ORDER BY CreatedDate, Id" for where in _conditions(wanted, places)]
        rows = {row["Id"]: row for row in self._rows(queries)}
        found: dict[ContactPoint, list[Record]] = {}
        index: dict[tuple[str, str], list[ContactPoint]] = {}
        for point in wanted:
            index.setdefault((point.kind, point.value.casefold()), []).append(point)
        regions = (
            {self._region} if self._region else {_region(point.value) for point in wanted if point.kind == "phone"}
        )
        for row in rows.values():
            held = {
                key for kind, names in places.items() for name in names for key in _keys(kind, row.get(name), regions)
            }
            for point in (point for key in sorted(held) for point in index.get(key, ())):
                found.setdefault(point, []).append(record(object_name, row, schema, self._now()))
        return found

    def keyed(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Living records by our key, 1,000 a call, oldest first; what is deleted is told by the poll."""
        schema = self._schemas.known(object_name)
        head = f"SELECT {', '.join(selected(schema, fields))} FROM {object_name} WHERE {key_field} IN "  # noqa: S608 - SOQL, of names the org gave
        every = list(dict.fromkeys(keys))
        parts = [every[start : start + POINTS_A_QUERY] for start in range(0, len(every), POINTS_A_QUERY)]
        queries = [head + format_soql("{}", part) + " ORDER BY CreatedDate, Id" for part in parts]
        return [record(object_name, row, schema, self._now()) for row in self._rows(queries)]

    def _rows(self, queries: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(queries), QUERIES_A_CALL):
            part = queries[start : start + QUERIES_A_CALL]
            bodies = (
                [self._transport.get("query", q=part[0])]
                if len(part) == 1
                else self._transport.together([f"query?q={quote(query, safe='')}" for query in part])
            )
            for body in bodies:
                if isinstance(body, RemoteError):
                    raise body
                yield from self._transport.pages(body)


def _conditions(points: Sequence[ContactPoint], places: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The WHERE of each query: at most 200 points, and no longer than a URI may be."""
    asked: list[str] = []
    length = 0
    for point in points:
        condition = _condition(point, places[point.kind])
        cost = len(quote(condition, safe="")) + len("%20OR%20")
        if asked and (len(asked) == POINTS_A_QUERY or length + cost > QUERY_CHARACTERS):
            yield " OR ".join(asked)
            asked, length = [], 0
        if condition:
            asked.append(condition)
            length += cost
    if asked:
        yield " OR ".join(asked)


def _condition(point: ContactPoint, names: Sequence[str]) -> str:
    """One point's condition; `""` for a phone that is none."""
    if point.kind == "email":
        return " OR ".join(format_soql(f"{name} = {{}}", point.value) for name in names)
    number = _number(point.value, None)
    if number is None:
        return ""
    pattern = "%" + "%".join(phonenumbers.national_significant_number(number))
    return " OR ".join(format_soql(f"{name} LIKE {{}}", pattern) for name in names)


def _keys(kind: str, text: Any, regions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What a field's text may mean, normalised: one address, or one number a country."""
    if not isinstance(text, str) or not text.strip():
        return
    if kind == "email":
        yield (kind, text.strip().casefold())
        return
    for region in regions:
        if number := _number(text, region):
            yield (kind, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _number(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _region(e164: str) -> str:
    """A country of the number's prefix; any of them reads a number without prefix alike."""
    number = _number(e164, None)
    return str(phonenumbers.region_code_for_country_code(number.country_code or 0)) if number else "ZZ"
