"""How many calls a backlog takes, before it is written."""

from __future__ import annotations

from crocevia_salesforce.batches import COLLECTIONS_A_CALL, ROWS_A_COLLECTION

CALLS_A_JOB = 10
"""Open, upload, close, about four looks, two results, delete; counted in the simulated org."""
NUMBERS_A_LOOKUP = 275
"""Customers by phone that one Composite asks for: five queries as long as an address may be."""


def calls_of(records: int, batch: int, bulk_from: int, *, looked_up: bool) -> int:
    """Calls that writing so many records of one object takes.

    Args:
        batch: Records one write takes at most.
        bulk_from: Records from which it goes as a job.
        looked_up: Whether customers are looked for by phone and e-mail first.
    """
    writes = sum(_of_batch(min(batch, records - done), bulk_from) for done in range(0, records, batch))
    return writes + (-(-records // NUMBERS_A_LOOKUP) if looked_up else 0)


def _of_batch(records: int, bulk_from: int) -> int:
    return CALLS_A_JOB if records >= bulk_from else -(-records // (ROWS_A_COLLECTION * COLLECTIONS_A_CALL))
