"""Odoo's JSON-RPC: the login, calls of a model's methods, and what its errors mean for the core.

Source: Odoo 14.0, `odoo/http.py`, `odoo/service/model.py` and `odoo/models.py`, read and run 2026-11.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

from attrs import frozen

from crocevia import Answer, Http, Secret
from crocevia.errors import (
    AuthError,
    ConflictError,
    GoneError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
)

# Archived records are seen too, options of a selection come in English, times are UTC (and no contact's time zone is
# made so for that), and Crocevia's user does not follow what it writes.
_CONTEXT: Mapping[str, Any] = MappingProxyType(
    {
        "active_test": False,
        "lang": "en_US",
        "tz": "UTC",
        "default_tz": False,
        "mail_create_nosubscribe": True,
    }
)

_TRANSIENT = (
    "could not serialize access",
    "deadlock detected",
    "could not obtain lock",
    "server closed the connection",
)
"""What PostgreSQL says through Odoo when the same call may work the next time."""


@frozen(kw_only=True)
class Told:
    """A result and when the server gave it, by its own clock in whole seconds; None: it does not say."""

    result: Any
    at: datetime | None


def is_transient(said: str) -> bool:
    """Whether a sentence of Odoo's speaks of a passing conflict in its database."""
    return any(sign in said for sign in _TRANSIENT)


class Rpc:
    """Calls of one user on one database. Safe to share between threads.

    Args:
        http: The connection's calls, at the server's URL.
        database: Name of the database.
        user: Login of the user who reads and writes.
        password: Its password, or an API key of its own.
    """

    def __init__(self, http: Http, *, database: str, user: str, password: Secret) -> None:
        self._http = http
        self._database = database
        self._user = user
        self._password = password
        self._user_id: int | None = None
        self._lock = threading.Lock()

    @property
    def connection(self) -> str:
        """The connection's name, for messages."""
        return self._http.connection

    def version(self) -> str:
        """The server's series ("14.0"); needs no login."""
        return str(self._request("common", "version", []).result["server_serie"])

    def user_id(self) -> int:
        """The user's id; logs in the first time.

        Raises:
            AuthError: login refused, or no such database.
        """
        with self._lock:
            if self._user_id is None:
                arguments = [self._database, self._user, self._password.reveal(), {}]
                found = self._request("common", "authenticate", arguments).result
                if not isinstance(found, int) or isinstance(found, bool):
                    raise self._unauthorised("the user or password is wrong")
                self._user_id = found
            return self._user_id

    def call(self, model: str, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a model's method; `told` says more."""
        return self.told(model, method, *arguments, **keywords).result

    def told(self, model: str, method: str, *arguments: Any, **keywords: Any) -> Told:
        """Call a model's method with our context.

        Every call counts as repeatable: reads are, updates set values by id, creates carry an external id.

        Raises:
            RejectedError: a rule of Odoo's does not hold, or the user may not.
            ConflictError, RetryableError, GoneError, AuthError, SchemaDriftError: as `_refusal` says.
        """
        keywords["context"] = {**_CONTEXT, **keywords.get("context", {})}
        login = [self._database, self.user_id(), self._password.reveal()]
        return self._request("object", "execute_kw", [*login, model, method, list(arguments), keywords])

    def search_read(
        self, model: str, domain: Sequence[Any], names: Sequence[str], *, order: str = "id", most: int | None = None
    ) -> Told:
        """Rows of a model, archived ones too; links as `[id, name]`."""
        return self.told(model, "search_read", list(domain), list(names), limit=most, order=order)

    def _request(self, service: str, method: str, arguments: list[Any]) -> Told:
        parameters = {"service": service, "method": method, "args": arguments}
        envelope = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters}
        answer = self._http.request("POST", "/jsonrpc", json=envelope, idempotent=True)
        if not answer.ok:
            raise self._http.refusal(answer)
        decoded = answer.json()
        if not isinstance(decoded, dict) or not ({"result", "error"} & decoded.keys()):
            raise RetryableError(
                f"{self.connection}: {answer.url} answers, but not as Odoo does; is the address right?"
            )
        if "error" in decoded:
            raise self._refusal(decoded["error"])
        return Told(result=decoded["result"], at=_date(answer))

    def _unauthorised(self, why: str) -> AuthError:
        where = f"{self.connection}: database {self._database!r} as {self._user!r}"
        return AuthError(f"{where}: {why}; mend the settings and `crocevia check`", code="login")

    def _refusal(self, error: Any) -> RemoteError:
        """Turn the name of an exception inside Odoo into a decision. Its sentence may quote customers: never shown."""
        data = error.get("data") if isinstance(error, Mapping) else None
        data = data if isinstance(data, Mapping) else {}
        name, said = str(data.get("name", "")), str(data.get("message", ""))
        where, code = f"{self.connection}: Odoo", name.rpartition(".")[2] or "error"
        unknown = re.search(r"Invalid field '(\w+)'", said)
        refusal: RemoteError
        match code:
            case "AccessDenied":
                refusal = self._unauthorised("the password is not accepted any more")
            case "OperationalError" if "does not exist" in said:
                refusal = self._unauthorised("there is no such database on this server")
            case "AccessError":
                what = f"{where} lets {self._user!r} not do this; give the right, or `crocevia check` to see which"
                refusal = RejectedError(what, code=code)
            case "UserError" | "ValidationError" | "RedirectWarning" | "IntegrityError":
                what = f"{where} refused the values; make the same change in Odoo to read its reason"
                refusal = RejectedError(what, code=code)
            case "MissingError":
                refusal = GoneError(f"{where} has deleted a record of this call", code=code)
            case "ValueError" if unknown:
                what = f"{where} has no field {unknown[1]} any more; mend the mapping or install its module"
                refusal = SchemaDriftError(what, fields=[unknown[1]], code=code)
            case _ if is_transient(said):
                refusal = ConflictError(f"{where} was changing the same records; again", code=code)
            case _:
                refusal = RetryableError(f"{where} failed inside ({code}); its log has the exception", code=code)
        return refusal


def _date(answer: Answer) -> datetime | None:
    try:
        found = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return found if found.tzinfo else None
