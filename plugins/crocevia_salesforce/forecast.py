"""How many calls a backlog takes, before it is written; what is written is read back by the polls, too."""

from __future__ import annotations

from crocevia_salesforce.batches import COLLECTIONS_A_CALL, ROWS_A_COLLECTION
from crocevia_salesforce.changes import PAGE

CALLS_A_JOB = 14
"""Open, upload, close, about eight looks, two results, delete; counted in the simulated org."""
NUMBERS_A_LOOKUP = 275
"""Customers by phone that one Composite asks for: five queries as long as an address may be."""


def calls_of(records: int, batch: int, bulk_from: int, *, looked_up: bool) -> int:
    """Calls that so many records of one object take: to look for them, to write them, and to read them back.

    Polls go on as ever beside it, and are not counted; nor are rows of Identity__c, of which nobody knows the number.

    Args:
        batch: Records one write takes at most.
        bulk_from: Records from which it goes as a job.
        looked_up: Whether customers are looked for by phone and e-mail first.
    """
    writes = sum(_of_batch(min(batch, records - done), bulk_from) for done in range(0, records, batch))
    looks = -(-records // NUMBERS_A_LOOKUP) if looked_up else 0
    return looks + writes + -(-records // PAGE)


def _of_batch(records: int, bulk_from: int) -> int:
    return CALLS_A_JOB if records >= bulk_from else -(-records // (ROWS_A_COLLECTION * COLLECTIONS_A_CALL))
