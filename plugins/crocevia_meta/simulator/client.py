"""Playing the customers from Python."""

from __future__ import annotations

import time
from typing import Any

import requests

_TIMEOUT_S = 10.0


class Customers:
    """The admin API of a simulated vendor at `url`. Each deed returns the new message's `wamid`.

    Raises (every method):
        requests.HTTPError: the vendor refused; its text says why.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # loopback needs no proxy

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def text(self, address: str, text: str, **known: Any) -> str:
        """Write a text. `known`: `name`, `user_id`, `at` (Unix seconds), `reply_to` (wamid)."""
        return self._deed(address, "messages", type="text", text=text, **known)

    def send(self, address: str, type_: str, content: dict[str, Any], **known: Any) -> str:
        """Write a message of any type, `content` as in a webhook."""
        return self._deed(address, "messages", type=type_, **{type_: content}, **known)

    def photo(self, address: str, caption: str | None = None, **known: Any) -> str:
        """Send a photo."""
        return self._deed(address, "photos", caption=caption, **known)

    def edit(self, address: str, of: str, text: str, **known: Any) -> str:
        """Edit a text."""
        return self._deed(address, "edits", of=of, text=text, **known)

    def react(self, address: str, of: str, emoji: str, **known: Any) -> str:
        """React to a message; an empty emoji takes it back."""
        return self._deed(address, "reactions", of=of, emoji=emoji, **known)

    def revoke(self, address: str, of: str, **known: Any) -> str:
        """Delete a message."""
        return self._deed(address, "revocations", of=of, **known)

    def change_number(self, address: str, new: str, **known: Any) -> str:
        """Change number."""
        return self._deed(address, "number", new=new, **known)

    def close_window(self, address: str) -> None:
        """Let the reply window be over."""
        self._deed(address, "window")

    def thread(self, address: str) -> list[dict[str, Any]]:
        """What was written, both ways, oldest first."""
        found: list[dict[str, Any]] = self._call("GET", f"/admin/customers/{address}/messages")
        return found

    def webhook(self, url: str) -> None:
        """Say where deliveries go."""
        self._call("PUT", "/admin/webhook", {"url": url})

    def fault(self, name: str, count: int = 1) -> None:
        """Let the next calls fail: `"lost answer"`, `"unavailable"`, `"throttled"`."""
        self._call("POST", "/admin/faults", {"fault": name, "count": count})

    def state(self) -> dict[str, Any]:
        """Counts, and the customers."""
        found: dict[str, Any] = self._call("GET", "/admin/state")
        return found

    def idle(self) -> bool:
        """Whether the vendor owes nothing."""
        return bool(self._call("GET", "/admin/idle")["idle"])

    def wait_idle(self, within_s: float = 30.0) -> bool:
        """Wait until the vendor owes nothing; return whether that came in time."""
        deadline = time.monotonic() + within_s
        while not self.idle():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _deed(self, address: str, what: str, **body: Any) -> str:
        given = {name: value for name, value in body.items() if value is not None}
        return str(self._call("POST", f"/admin/customers/{address}/{what}", given)["id"])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}", response=answer)
        return answer.json()
