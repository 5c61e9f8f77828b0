"""Tryton's JSON-RPC: sessions, how values travel, and what its errors mean for the core.

REST with an application key would spare the login, but its PUT and POST take one record a call, and its actions
cannot write. Source: trytond 8.2, `protocols/dispatcher.py` and `protocols/rest.py`, read 2026-11.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from crocevia import Answer, Http, Secret
from crocevia.errors import (
    AuthError,
    ConflictError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
)

# `crocevia` is read by our module: its writes are not checked against numbering plans and the DNS.
_CONTEXT: Mapping[str, Any] = MappingProxyType({"crocevia": True})


class RefusedError(RejectedError):
    """Tryton refused the call as a whole and rolled it back; which of its records is to blame is not said.

    Attributes:
        said: Tryton's sentence. It may quote a person's data: look in it, never show it.
    """

    def __init__(self, message: str, *, said: str, code: str) -> None:
        super().__init__(message, code=code)
        self.said = said


class InternalError(RetryableError):
    """Tryton failed in a way that its code does not foresee: a locked database as well as a value of the wrong type.

    Attributes:
        missing: What was looked up in vain, where that was the failure: often a model or field; else None.
    """

    def __init__(self, message: str, *, missing: str | None = None) -> None:
        super().__init__(message, code="internal")
        self.missing = missing


class Rpc:
    """Calls of one user on one database. Safe to share between threads.

    Args:
        http: The connection's calls, at the server's URL.
        database: Name of the database.
        user: Login of the user who reads and writes.
        password: Its password.
        context: Sent with every call; the default marks the calls as Crocevia's.

    Attributes:
        user_id: The user's id in Tryton; None before the first call.
    """

    def __init__(
        self,
        http: Http,
        *,
        database: str,
        user: str,
        password: Secret,
        context: Mapping[str, Any] = _CONTEXT,
    ) -> None:
        self._http = http
        self._path = f"/{quote(database, safe='')}/rpc/"
        self._database = database
        self._user = user
        self._password = password
        self._context = {"language": "en", **context}
        self._session: str | None = None
        self.user_id: int | None = None
        self._lock = threading.Lock()

    @property
    def connection(self) -> str:
        """The connection's name, for messages."""
        return self._http.connection

    def version(self) -> str:
        """The server's series ("8.2"); needs no login."""
        return str(self._result(self._http.request("POST", "/rpc/", json=_envelope("common.server.version", ()))))

    def call(self, method: str, *params: Any, context: dict[str, Any] | None = None) -> Any:
        """Call `model.<name>.<method>` and return its result, times as Tryton's JSON gives them.

        Every call counts as repeatable (reads are, writes set values by id), but for a create. That carries our unique
        key, and is refused when it is made twice; but what somebody has typed into the record since is read first.

        Raises:
            RefusedError: a rule of Tryton's (required, unique, domain) does not hold.
            ConflictError: a record changed since the `_timestamp` in the context.
            AuthError: login refused, or no such database.
            InternalError: an exception inside Tryton.
            RetryableError, ThrottledError, OutcomeUnknownError: as HTTP says.
        """
        envelope = _envelope(method, (*params, {**self._context, **(context or {})}))
        session = self._session or self._log_in(None)
        answer = self._post(envelope, session)
        if answer.status == 401:
            answer = self._post(envelope, self._log_in(session))
        return self._result(answer)

    def _post(self, envelope: dict[str, Any], session: str) -> Answer:
        headers = {"Authorization": f"Session {session}"}
        repeatable = not envelope["method"].endswith(".create")
        return self._http.request("POST", self._path, json=envelope, headers=headers, idempotent=repeatable)

    def _log_in(self, expired: str | None) -> str:
        """Return a session other than `expired`; one thread logs in while the others wait for it."""
        with self._lock:
            if self._session is None or self._session == expired:
                parameters = (self._user, {"password": self._password.reveal()}, "en")
                answer = self._http.request(
                    "POST", self._path, json=_envelope("common.db.login", parameters), idempotent=True
                )
                if answer.status == 401:
                    raise self._unauthorised("the user or password is wrong")
                found = self._result(answer)
                self.user_id = found[0]
                text = f"{self._user}:{found[0]}:{found[1]}"
                self._session = base64.b64encode(text.encode()).decode()
            return self._session

    def _unauthorised(self, why: str) -> AuthError:
        where = f"{self._http.connection}: database {self._database!r} as {self._user!r}"
        return AuthError(f"{where}: {why}; mend the settings and `crocevia check`", status=401)

    def _result(self, answer: Answer) -> Any:
        if answer.status == 404:
            raise self._unauthorised("there is no such database on this server")
        if answer.status == 413:
            raise RefusedError(f"{self._http.connection}: Tryton takes no call of this size", said="", code="413")
        if not answer.ok:
            raise self._http.refusal(answer)
        decoded = answer.json()
        if "error" in decoded:
            raise self._refusal(decoded["error"])
        return decoded["result"]

    def _refusal(self, error: Any) -> RemoteError:
        """Turn `[class name, arguments]`, or `[text, traceback]` of an unforeseen exception, into a decision."""
        name, arguments = (*error, None, None)[:2]
        where = f"{self._http.connection}: Tryton"
        match name:
            case "UserError":
                what = f"{where} refused the values; make the same change in Tryton to read its reason"
                refusal: RemoteError = RefusedError(what, said=" ".join(str(part) for part in arguments[:2]), code=name)
            case "UserWarning":
                what = f"{where} wants a person to confirm the change; make it in Tryton"
                refusal = RefusedError(what, said=str(arguments[1]), code=name)
            case "ConcurrencyException":
                refusal = ConflictError(f"{where} holds a newer version of a record", code=name)
            case "LoginException":
                refusal = self._unauthorised("the login wants more than a password, which a program cannot give")
            case "RateLimitException":
                refusal = ThrottledError(f"{where} answers too many logins; it will be tried again", code=name)
            case _:
                key_error = re.fullmatch(r"'(\w[\w.]*)'", str(name))
                missing = key_error[1] if key_error else None
                refusal = InternalError(f"{where} failed inside; its log has the exception", missing=missing)
        return refusal


def _envelope(method: str, params: tuple[Any, ...]) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": list(params)}
