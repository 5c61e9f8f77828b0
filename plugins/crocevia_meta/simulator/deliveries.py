"""Who delivers: signs, sends, and comes again until the answer is 200, as Meta does (Meta for up to 36 hours)."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from crocevia_meta.simulator import payloads
from crocevia_meta.simulator.vendor import Vendor
from crocevia_meta.webhooks import SIGNATURE_HEADER, SIGNATURE_PREFIX

_PARALLEL = 4
_TIMEOUT_S = 5.0
_MOST_REPEATS = 2
_LONGEST_NAP_S = 0.25


class Deliverer:
    """A thread that binds leaves into deliveries, and a few that send them."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._stop = threading.Event()
        self._under_way: set[int] = set()
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="vendor-delivery")
        self._thread = threading.Thread(target=self._run, name="vendor-deliverer", daemon=True)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way; the rest stays in the store."""
        self._stop.set()
        self._vendor.wake.set()
        self._thread.join()
        self._pool.shutdown()
        for session in self._sessions:
            session.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._vendor.wake.clear()
            if self._vendor.webhook:
                for delivery in self._due():
                    self._pool.submit(self._deliver, delivery)
            self._vendor.wake.wait(self._nap_s())

    def _due(self) -> list[dict[str, Any]]:
        vendor = self._vendor
        with vendor.lock:
            self._bind()
            due = vendor.store.rows("SELECT * FROM deliveries WHERE next_at <= ? ORDER BY next_at", vendor.now())
            fresh = [delivery for delivery in due if delivery["n"] not in self._under_way]
            self._under_way.update(delivery["n"] for delivery in fresh)
            return fresh

    def _bind(self) -> None:
        """Bind the leaves that are due into deliveries of a random size."""
        vendor, chance = self._vendor, self._vendor.chance
        leaves = vendor.store.rows(
            "SELECT * FROM leaves WHERE delivery IS NULL AND due_at <= ? ORDER BY due_at, n LIMIT 500", vendor.now()
        )
        if not leaves:
            return
        customers = {row["address"]: row for row in vendor.store.rows("SELECT * FROM customers")}
        while leaves:
            size = chance.randint(1, vendor.settings.max_batch)
            batch, leaves = leaves[:size], leaves[size:]
            body = payloads.delivery(vendor.settings, batch, customers, chance)
            vendor.store.keep_delivery(body, batch, vendor.now())
        vendor.store.commit()

    def _nap_s(self) -> float:
        vendor = self._vendor
        with vendor.lock:
            times = (
                vendor.store.number("SELECT min(due_at) FROM leaves WHERE delivery IS NULL"),
                vendor.store.number("SELECT min(next_at) FROM deliveries WHERE next_at > ?", vendor.now()),
            )
            waits = [time - vendor.now() for time in times if time is not None]
        return min(max(min(waits, default=_LONGEST_NAP_S), 0.005), _LONGEST_NAP_S)

    def _deliver(self, delivery: dict[str, Any]) -> None:
        vendor = self._vendor
        leaves = json.loads(delivery["leaves"])
        with vendor.lock:
            vendor.ledger.sent(leaves)
        taken = self._post(delivery["body"])
        with vendor.lock:
            if taken:
                self._acknowledged(delivery, [leaf["n"] for leaf in leaves])
            else:
                wait_s = vendor.settings.backoff_s * 2 ** min(delivery["attempts"], 10)
                wait_s = min(wait_s, vendor.settings.max_backoff_s) * vendor.chance.uniform(0.5, 1)
                vendor.store.schedule(delivery["n"], next_at=vendor.now() + wait_s, acknowledged=False)
            vendor.store.commit()
            self._under_way.discard(delivery["n"])
        vendor.wake.set()

    def _acknowledged(self, delivery: dict[str, Any], leaves: list[int]) -> None:
        """Done with, or, now and then, delivered again all the same: as it was, or in other company."""
        vendor, chance = self._vendor, self._vendor.chance
        again = delivery["repeats"] < _MOST_REPEATS and chance.random() < vendor.settings.redelivery_rate
        later = vendor.now() + chance.uniform(0, 4 * vendor.settings.status_delay_s)
        as_it_was = again and chance.random() < 0.5
        vendor.store.schedule(delivery["n"], next_at=later if as_it_was else None, acknowledged=True, repeat=as_it_was)
        if again and not as_it_was:
            vendor.store.requeue(leaves, later)

    def _post(self, body: bytes) -> bool:
        secret = self._vendor.settings.app_secret.reveal().encode()
        signature = SIGNATURE_PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        try:
            answer = self._session().post(
                self._vendor.webhook or "", data=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            return False  # comes again: whoever listens may be down for now
        return answer.status_code == 200

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # loopback needs no proxy
            self._sessions.append(session)
        return session
