"""Rows as CSV cells, as Bulk 2.0 takes them and as its results tell them.

Source: Bulk API 2.0 and Bulk API Developer Guide, v60.0, "Prepare CSV Files".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crocevia_salesforce.batches import Row

JOB_CHARACTERS = 30_000_000
"""An upload may have 100 MB, and results repeat it: this keeps an answer below what one call may hold here."""
CLEARED = "#N/A"
"""What a cell says to clear a field; an empty one leaves it as it is."""


def fits(row: Row) -> bool:
    """Whether a row can be said in CSV: a text that reads as "clear this field" cannot."""
    return not any(value in (CLEARED, "") for value in row.values.values())


def chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in as many uploads as their size asks for."""
    some: list[Row] = []
    characters = 0
    for row in rows:
        if some and characters + row.size > JOB_CHARACTERS:
            yield some
            some, characters = [], 0
        some.append(row)
        characters += row.size
    if some:
        yield some


def upload(identity: str, named: Iterable[tuple[str, Mapping[str, Any]]], *, values: bool) -> bytes:
    """A CSV of rows.

    Args:
        identity: The column that says which record a row is.
        named: What stands in it, and the row's values.
        values: Whether there are other columns: a delete has none.
    """
    cells = [{**(_cells(held) if values else {}), identity: name} for name, held in named]
    names = list(dict.fromkeys((identity, *(name for row in cells for name in row))))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue().encode()


def results(body: bytes) -> Iterator[Mapping[str, str]]:
    """The rows of a job's results."""
    csv.field_size_limit(max(csv.field_size_limit(), JOB_CHARACTERS))
    return csv.DictReader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=""))


def errors(text: str) -> list[Mapping[str, Any]]:
    """`CODE:message:fields --`, several separated by semicolons, as the refusals that REST would tell."""
    code, _, rest = text.partition(":")
    message, _, named = rest.removesuffix(" --").rpartition(":")
    return [{"statusCode": code, "message": message, "fields": named.split()}]


def _cells(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as cells: a parent that is named by its key has a column `Contact__r.Key`."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": str(text) for inner, text in value.items()})
        elif isinstance(value, bool):
            found[name] = "true" if value else "false"
        else:
            found[name] = CLEARED if value is None else str(value)
    return found
