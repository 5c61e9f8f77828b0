"""How a simulated vendor behaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from crocevia import Secret


@frozen(kw_only=True)
class VendorSettings:
    """One simulated business number and its surroundings.

    Attributes:
        ledger: Folder of `vendor_sent.jsonl` and `vendor_received.jsonl`; None: nothing is written down.
        webhook: Where deliveries go; None: they wait until `PUT /admin/webhook` names it.
        store: SQLite file with all state, so that a restart goes on; None: in memory.
        seed: Decides ids, batches, order, redeliveries and faults.
        max_batch: Most leaves in one delivery (Meta: 1000).
        redelivery_rate: Share of acknowledged deliveries that come again.
        disorder_rate: Share of statuses that swap places in time.
        lost_answer_rate: Share of accepted replies whose answer is lost on the way (HTTP 502).
        status_delay_s: Longest wait from one status to the next.
        backoff_s: First wait after a delivery that was not answered 200; it doubles up to `max_backoff_s`.
        window_s: Reply window after the customer's last message.
        failing: `{customer: Meta's error code}` of those whom nothing reaches.
        templates: `{(name, language): number of parameters}` of the approved ones.
    """

    app_secret: Secret
    access_token: Secret
    phone_number_id: str = "106540352242922"
    display_phone_number: str = "390110000000"
    business_account_id: str = "102290129340398"
    verified_name: str = "Bottega Crocevia"
    ledger: Path | None = None
    webhook: str | None = None
    store: Path | None = None
    seed: int = 0
    max_batch: int = 6
    redelivery_rate: float = 0.1
    disorder_rate: float = 0.2
    lost_answer_rate: float = 0.0
    status_delay_s: float = 0.15
    backoff_s: float = 0.2
    max_backoff_s: float = 3.0
    window_s: float = 24 * 3600
    failing: Mapping[str, int] = field(factory=dict)
    templates: Mapping[tuple[str, str], int] = field(
        factory=lambda: {("hello_world", "en_US"): 0, ("order_update", "en_US"): 2, ("aggiornamento_ordine", "it"): 2}
    )
