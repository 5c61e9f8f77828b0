"""Playing the people from Python, over HTTP."""

from __future__ import annotations

import time
from typing import Any

import requests

_TIMEOUT_S = 10.0


class People:
    """The admin API of a simulated page and account at `url`. People are called by a name of the caller's own.

    Raises (every method):
        requests.HTTPError: it was refused; its text says why.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # loopback needs no proxy

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def message(self, name: str, text: str, **more: Any) -> str:
        """Write to the page on Messenger; return the `mid`. `more`: of `message`, as in a webhook."""
        return self._deed("message", place="page", name=name, message={"text": text, **more})

    def direct(self, name: str, text: str, **more: Any) -> str:
        """Write to the account on Instagram; return the `mid`."""
        return self._deed("message", place="instagram", name=name, message={"text": text, **more})

    def update(self, place: str, name: str, what: dict[str, Any]) -> None:
        """Do something else in private, as in a webhook: `{"reaction": {...}}`, `{"postback": {...}}`."""
        self._call("POST", "/admin/update", {"place": place, "name": name, "what": what})

    def comment(self, name: str, text: str, under: str | None = None) -> str:
        """Comment on the page's post, or answer a comment; return the id."""
        return self._deed("comment", place="page", name=name, text=text, under=under)

    def post(self, name: str, text: str) -> str:
        """Post on the page as a visitor; return the id."""
        return self._deed("comment", place="page", name=name, text=text, post=True)

    def comment_on_instagram(self, name: str, text: str, under: str | None = None) -> str:
        """Comment on the account's picture; return the id."""
        return self._deed("comment", place="instagram", name=name, text=text, under=under)

    def edit(self, comment: str, text: str) -> None:
        """Edit a comment on the page."""
        self._call("POST", "/admin/edit", {"comment": comment, "text": text})

    def remove(self, comment: str) -> None:
        """Remove a comment or post from the page."""
        self._call("POST", "/admin/remove", {"comment": comment})

    def said(self) -> list[dict[str, Any]]:
        """Every message and comment of the business, oldest first: `id`, `place`, `to`, `text`, `public`."""
        found: list[dict[str, Any]] = self._call("GET", "/admin/said")
        return found

    def person(self, place: str, name: str) -> str:
        """The id that the page (`"page"`) or the account (`"instagram"`) has for somebody."""
        return str(self._call("POST", "/admin/person", {"place": place, "name": name})["id"])

    def close_window(self, place: str, name: str) -> None:
        """Let the reply window be over."""
        self._call("POST", "/admin/window", {"place": place, "name": name})

    def lose_answers(self, count: int = 1) -> None:
        """Let the answers to the next messages of the business be lost on the way."""
        self._call("POST", "/admin/losses", {"count": count})

    def webhook(self, url: str) -> None:
        """Say where deliveries go."""
        self._call("PUT", "/admin/webhook", {"url": url})

    def wait_idle(self, within_s: float = 30.0) -> bool:
        """Wait until nothing is owed; return whether that came in time."""
        deadline = time.monotonic() + within_s
        while not self._call("GET", "/admin/idle")["idle"]:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _deed(self, what: str, **body: Any) -> str:
        return str(self._call("POST", f"/admin/{what}", body)["id"])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}", response=answer)
        return answer.json()
