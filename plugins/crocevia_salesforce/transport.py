"""The one road to the org, over simple-salesforce's session."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from simple_salesforce.api import Salesforce as Client

from crocevia import Answer, Http, Usage
from crocevia.errors import OutcomeUnknownError, RemoteError, RetryableError
from crocevia_salesforce.auth import Token, Tokens
from crocevia_salesforce.refusals import Circumstances, of_answer, of_row

WRITE_TIMEOUT_S = 180.0
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_ROOTS = ("base_url", "apex_url", "bulk_url", "bulk2_url", "metadata_url", "tooling_url", "oauth2_url")


class Transport:
    """Calls of one connection, from any thread.

    simple-salesforce gives the session and its addresses; its own calls are not used: they recurse without end on a
    lasting 401, drop the caller's headers after a refresh, log in once a thread and know no timeout
    (simple-salesforce 1.12.10, issues 148, 658, 804).

    Attributes:
        usage: Calls of the org's rolling day as the last answer told them, errors too; None before the first, or
            where the org hides it. Recorded answers go back by one now and then. Source: REST API guide v60.0, "Limit
            Info Header"; it came with 274 of 277 recorded data responses.
    """

    def __init__(self, http: Http, tokens: Tokens, api_version: str) -> None:
        self._http = http
        self._tokens = tokens
        self._api_version = api_version
        self._local = threading.local()
        self.usage: Usage | None = None

    @property
    def connection(self) -> str:
        """The connection's name."""
        return self._http.connection

    @property
    def root(self) -> str:
        """Path under which the pinned version is served."""
        return f"/services/data/v{self._api_version}"

    def client(self) -> Client:
        """simple-salesforce's client of this thread, logged in, with timeouts: for what Crocevia has no word for."""
        return self._client(self._tokens.current())

    def get(self, path: str, **params: str) -> Any:
        """GET and decode. Raises the decision for any failure."""
        return self.decoded(self.call("GET", path, params=params))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Any:
        """Make a call and decode.

        Args:
            idempotent: Whether it equals itself made twice. False: without a clear answer it may have happened.

        Raises:
            OutcomeUnknownError: it may have happened.
            RemoteError: the decision for any other failure.
        """
        try:
            given = {"body": body, "headers": headers, "timeout_s": WRITE_TIMEOUT_S, "idempotent": idempotent}
            answer = self.call(method, path, **given)
            return self.decoded(answer) if answer.body else None
        except RetryableError as error:
            unclear = error.code is None and error.status is not None  # a proxy's answer, or half of the org's
            if idempotent or not unclear or error.status in (406, 420, 429, 503):
                raise
            raise OutcomeUnknownError(f"{error}: it may have happened", status=error.status) from error

    def pages(self, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The rows of a query's answer, and of the pages that follow it."""
        yield from body["records"]
        while following := body.get("nextRecordsUrl"):
            body = self.get(following)
            yield from body["records"]

    def together(self, paths: Sequence[str]) -> list[Any]:
        """GET up to 25 paths in one call, at most five of them queries; give each one's body, or its decision.

        Source: REST API guide v60.0, "Composite": 25 subrequests, 5 of them queries; counted as one call.
        """
        subrequests = [
            {"method": "GET", "url": f"{self.root}/{path}", "referenceId": f"part{at}"} for at, path in enumerate(paths)
        ]
        answer = self.send("POST", "composite", {"compositeRequest": subrequests})
        return [self._part(path, told) for path, told in zip(paths, answer["compositeResponse"], strict=True)]

    def parts(self, paths: Sequence[str], answer: Mapping[str, Any]) -> list[Any]:
        """The bodies of a Composite's answer. Raises the decision for the first that failed."""
        found = [self._part(path, told) for path, told in zip(paths, answer["compositeResponse"], strict=True)]
        for part in found:
            if isinstance(part, RemoteError):
                raise part
        return found

    def _part(self, path: str, told: Mapping[str, Any]) -> Any:
        status, body = told["httpStatusCode"], told["body"]
        if status < 300:
            return body
        where = Circumstances(
            connection=self.connection, subject=f"GET {path.split('?', maxsplit=1)[0]}", status=status
        )
        return of_row(body if isinstance(body, list) else [], where)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        idempotent: bool = True,
    ) -> Answer:
        """Make one call, again once after a new login when the session has ended.

        Args:
            path: Below the pinned version (`"composite"`), or whole from `/services/`.
            body: Sent as JSON, or as CSV where it is bytes.
            idempotent: Whether it equals itself made twice.

        Raises:
            AuthError: also the new session is not accepted.
            OutcomeUnknownError: no answer came, and the call is not idempotent.
            RemoteError: any other answer of 300 and above, or none, as a decision.
        """
        token = self._tokens.current()
        answer = self._once(token, method, path, params, body, headers, timeout_s, idempotent=idempotent)
        if answer.status == 401:  # mostly INVALID_SESSION_ID; a gateway may answer without the code
            token = self._tokens.renew(token)
            answer = self._once(token, method, path, params, body, headers, timeout_s, idempotent=idempotent)
        if answer.status >= 300:
            where = Circumstances(connection=self.connection, subject=f"{method} {path}", status=answer.status)
            raise of_answer(answer, where)
        return answer

    def soap(self, envelope: Callable[[str], bytes]) -> Answer:
        """Make one call of the partner API, again once after a new login when the session has ended.

        Args:
            envelope: Makes the message, given the session that stands in its header.

        Raises:
            OutcomeUnknownError: no answer came: it may have happened.
            RemoteError: the org cannot be reached.
        """
        token = self._tokens.current()
        answer = self._enveloped(token, envelope)
        if answer.status == 401 or (answer.status == 500 and b"INVALID_SESSION_ID" in answer.body):
            answer = self._enveloped(self._tokens.renew(token), envelope)
        return answer

    def _enveloped(self, token: Token, envelope: Callable[[str], bytes]) -> Answer:
        return self._http.request(
            "POST",
            f"{token.instance_url}/services/Soap/u/{self._api_version}",
            data=envelope(token.access.reveal()),
            headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'},
            idempotent=False,
            timeout_s=WRITE_TIMEOUT_S,
        )

    def decoded(self, answer: Answer) -> Any:
        """The JSON of an answer; one that broke off, or is a maintenance page, means again."""
        try:
            return answer.json()
        except OutcomeUnknownError as error:
            msg = f"{self.connection}: {error}: it will be made again"
            raise RetryableError(msg, status=answer.status) from error

    def _once(
        self,
        token: Token,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Any,
        headers: Mapping[str, str] | None,
        timeout_s: float | None,
        *,
        idempotent: bool,
    ) -> Answer:
        client = self._client(token)
        url = f"{token.instance_url}{path}" if path.startswith("/services/") else f"{client.base_url}{path}"
        answer = self._http.request(
            method,
            f"{url}?{urlencode(params, quote_via=quote)}" if params else url,
            json=None if isinstance(body, bytes) else body,
            data=body if isinstance(body, bytes) else None,
            headers={**client.headers, "X-PrettyPrint": "0", **_type_of(body), **(headers or {})},
            idempotent=idempotent,
            timeout_s=timeout_s,
        )
        if found := _USAGE.search(answer.headers.get("Sforce-Limit-Info") or ""):
            self.usage = Usage(used=int(found[1]), limit=int(found[2]))
        return answer

    def _client(self, token: Token) -> Client:
        known: tuple[Token, Client] | None = getattr(self._local, "client", None)
        if known is not None and known[0] is token:
            return known[1]
        client = Client(
            session_id=token.access.reveal(),
            instance_url=token.instance_url,
            version=self._api_version,
            session=self._http.session(),
        )
        if token.instance_url.startswith("http://"):  # it writes https into every address; a simulator has none
            for name in _ROOTS:
                setattr(client, name, getattr(client, name).replace("https://", "http://", 1))
        self._local.client = (token, client)
        return client


def _type_of(body: Any) -> dict[str, str]:
    return {"Content-Type": "text/csv; charset=UTF-8"} if isinstance(body, bytes) else {}
