"""The simulated vendor itself: customers who write, replies it takes, statuses it owes."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from crocevia_meta.simulator import payloads
from crocevia_meta.simulator.ledger import Ledger
from crocevia_meta.simulator.settings import VendorSettings
from crocevia_meta.simulator.store import Store
from crocevia_meta.whatsapp.parties import is_phone

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_READ_RATE = 0.8


class Vendor:
    """One number of the WhatsApp Cloud API.

    Every method takes the lock, commits before it returns, and wakes who delivers.

    Attributes:
        webhook: Where deliveries go; None: nowhere yet.
        faults: How many of the next calls fail so: `"lost answer"`, `"unavailable"`, `"throttled"`.
    """

    def __init__(self, settings: VendorSettings, *, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.webhook = settings.webhook
        self.faults: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.wake = threading.Event()
        self.now = now
        self.chance = random.Random(settings.seed)  # noqa: S311 - a seed makes a day repeatable
        self.store = Store(settings.store)
        self.ledger = Ledger(settings.ledger)
        self._mend_ledger()

    def close(self) -> None:
        """Close database and ledger."""
        with self.lock:
            self.store.close()
            self.ledger.close()

    # customers

    def write(self, address: str, said: Mapping[str, Any], *, name: str | None = None, **known: Any) -> str:
        """Let a customer write a message and return its `wamid`.

        Args:
            address: Number in digits, or a user id for somebody who hides theirs.
            said: `type`, the object of that name, and `context` as in a webhook.
            name: The profile's; None: as before.
            known: `user_id`, and `at` in Unix seconds.
        """
        with self.lock:
            at = float(known.get("at") or self.now())
            user_id = known.get("user_id") or (None if is_phone(address) else address)
            self.store.keep_customer(address, user_id, name, at)
            id_ = self._queue(address, said, kind="reaction" if said["type"] == "reaction" else "message", at=at)
            self.store.keep_message(id_, address, "inbound", dict(said), at)
            return self._done(id_)

    def photograph(self, address: str, caption: str | None = None, **known: Any) -> str:
        """Let a customer send a photo, which can then be fetched by its media id."""
        with self.lock:
            media = self.upload("image/png", PIXEL + self.chance.randbytes(8))
            digest = base64.b64encode(hashlib.sha256(self.media(media)["body"]).digest()).decode()
            image = {
                "mime_type": "image/png",
                "sha256": digest,
                "id": media,
                **({"caption": caption} if caption else {}),
            }
            return self.write(address, {"type": "image", "image": image}, **known)

    def edit(self, address: str, of: str, text: str, *, at: float | None = None) -> str:
        """Let a customer edit an earlier text."""
        change = {"original_message_id": of, "message": {"type": "text", "text": {"body": text}}}
        return self._about(address, {"type": "edit", "edit": change}, kind="edit", of=of, at=at)

    def revoke(self, address: str, of: str, *, at: float | None = None) -> str:
        """Let a customer delete an earlier message."""
        said = {"type": "revoke", "revoke": {"original_message_id": of}}
        return self._about(address, said, kind="removed", of=of, at=at)

    def react(self, address: str, of: str, emoji: str, *, at: float | None = None) -> str:
        """Let a customer react to a message, in or out; an empty emoji takes the reaction back."""
        return self._about(
            address,
            {"type": "reaction", "reaction": {"message_id": of, "emoji": emoji}},
            kind="reaction",
            of=of,
            at=at,
        )

    def change_number(self, address: str, new: str, *, at: float | None = None) -> str:
        """Let a customer change their number; what they write next comes from the new one."""
        body = f"User changed from {address} to {new}"
        said = {"type": "system", "system": {"body": body, "wa_id": new, "type": "user_changed_number"}}
        with self.lock:
            id_ = self._about(address, said, kind="system", of=None, at=at)
            self.store.move_customer(address, new)
            self.store.commit()
            return id_

    # the business

    def accept(self, message: Mapping[str, Any], customer: str) -> str:
        """Take a reply that was found valid: remember it, owe its statuses, write it down."""
        with self.lock:
            now = self.now()
            self.store.keep_customer(customer, None if is_phone(customer) else customer, None, None)
            id_ = self._wamid(customer)
            callback = message.get("biz_opaque_callback_data")
            self.store.keep_message(id_, customer, "outbound", dict(message), now, callback)
            self._owe_statuses(id_, customer, now, callback)
            self.store.commit()
            self._write_received(id_, customer, message, now)
            self.wake.set()
            return id_

    def window_is_open(self, customer: str) -> bool:
        """Whether free text may go to a customer now."""
        known = self.store.customer(customer)
        return bool(known) and self.now() - ((known or {})["last_inbound_at"] or 0) < self.settings.window_s

    def upload(self, mime_type: str, body: bytes) -> str:
        """Keep a file and return its media id."""
        with self.lock:
            id_ = str(1_000_000_000_000 + self.store.next("media"))
            self.store.keep_media(id_, mime_type, body)
            self.store.commit()
            return id_

    def media(self, id_: str) -> dict[str, Any]:
        """A file by its id. Raises LookupError when there is none."""
        found = self.store.rows("SELECT * FROM media WHERE id = ?", id_)
        if not found:
            raise LookupError(id_)
        return found[0]

    def fault(self, name: str) -> bool:
        """Whether the next call is to fail so; each armed fault is used up once."""
        with self.lock:
            if self.faults[name] > 0:
                self.faults[name] -= 1
                return True
            return name == "lost answer" and self.chance.random() < self.settings.lost_answer_rate

    # what is going on

    def idle(self) -> bool:
        """Whether nothing is owed: no leaf waits, no delivery is due or under way."""
        with self.lock:
            waiting = self.store.number("SELECT count(*) FROM leaves WHERE delivery IS NULL")
            return not waiting and not self.store.number("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL")

    def state(self) -> dict[str, Any]:
        """Counts, and the customers."""
        with self.lock:
            count = self.store.number
            return {
                "webhook": self.webhook,
                "phone_number_id": self.settings.phone_number_id,
                "customers": self.store.rows("SELECT * FROM customers ORDER BY address"),
                "messages_in": count("SELECT count(*) FROM messages WHERE direction = 'inbound'"),
                "messages_out": count("SELECT count(*) FROM messages WHERE direction = 'outbound'"),
                "leaves_waiting": count("SELECT count(*) FROM leaves WHERE delivery IS NULL"),
                "undelivered": count("SELECT count(*) FROM deliveries WHERE NOT acknowledged"),
                "deliveries_due": count("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL"),
                "idle": self.idle(),
            }

    # inside

    def _about(self, address: str, said: Mapping[str, Any], *, kind: str, of: str | None, at: float | None) -> str:
        with self.lock:
            if of is not None and not self.store.rows("SELECT 1 FROM messages WHERE id = ?", of):
                raise LookupError(of)
            self.store.keep_customer(address, None, None, None)  # only a message opens the reply window
            return self._done(self._queue(address, said, kind=kind, at=at or self.now(), of=of))

    def _queue(self, address: str, said: Mapping[str, Any], *, kind: str, at: float, of: str | None = None) -> str:
        id_ = self._wamid(address)
        customer = self.store.customer(address) or {"address": address, "user_id": None}
        body = {**payloads.sender(customer), "id": id_, "timestamp": str(int(at)), **said}
        leaf = {"id": id_, "kind": kind, "of": of, "customer": address, "list": "messages", "body": body}
        self.store.keep_leaf(leaf, self.now() + self.chance.uniform(0, 0.05))
        return id_

    def _owe_statuses(self, of: str, address: str, now: float, callback: str | None) -> None:
        customer = self.store.customer(address) or {"address": address, "user_id": None}
        code = self.settings.failing.get(address, 0)
        names = ["sent", "failed"] if code else ["sent", "delivered"]
        if not code and self.chance.random() < _READ_RATE:
            names.append("read")
        due, times = now, []
        for _ in names:
            due += self.chance.uniform(0, self.settings.status_delay_s)
            times.append(due)
        if self.chance.random() < self.settings.disorder_rate:
            self.chance.shuffle(times)
        for name, due_at in zip(names, times, strict=True):
            body = payloads.status(of, customer, name, now, callback, code)
            leaf = {"id": f"{of}:{name}", "kind": "status", "of": of, "status": name, "customer": address}
            self.store.keep_leaf({**leaf, "list": "statuses", "body": body}, due_at)

    def _wamid(self, address: str) -> str:
        count = self.store.next("wamid")
        digest = hashlib.blake2b(f"{self.settings.seed}|{count}|{address}".encode(), digest_size=27).digest()
        return "wamid." + base64.b64encode(digest).decode()

    def _done(self, id_: str) -> str:
        self.store.commit()
        self.wake.set()
        return id_

    def _write_received(self, id_: str, customer: str, message: Mapping[str, Any], at: float) -> None:
        text = reply_text(message)
        self.ledger.received(
            {
                "id": id_,
                "to": customer,
                "type": message["type"],
                "text_sha256": hashlib.sha256(text.encode()).hexdigest() if text is not None else None,
                "callback": message.get("biz_opaque_callback_data"),
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
            }
        )

    def _mend_ledger(self) -> None:
        """Write down replies that were taken just before a kill, and whose answer never left."""
        for row in self.store.rows("SELECT * FROM messages WHERE direction = 'outbound' ORDER BY n"):
            if row["id"] not in self.ledger.received_ids:
                self._write_received(row["id"], row["customer"], json.loads(row["body"]), row["at"])


def reply_text(message: Mapping[str, Any]) -> str | None:
    """The words of a reply: its text, or its caption; None for a template or a bare file."""
    content = message.get(message["type"])
    if not isinstance(content, dict):
        return None
    if message["type"] == "interactive":
        return (content.get("body") or {}).get("text")
    return content.get("body") if message["type"] == "text" else content.get("caption")
