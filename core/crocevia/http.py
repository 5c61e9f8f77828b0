"""The one HTTP session: timeouts, limits, redaction. It classifies failures; it does not retry: the core does, once."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests
from attrs import frozen
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from crocevia.errors import (
    AuthError,
    ConflictError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
LONGEST_AFTER = timedelta(hours=1)
_DEEPEST_CAUSE = 8
_REDIRECTED = 300
_BODILESS = frozenset({204, 205, 304})
_FOLLOWED = frozenset({"GET", "HEAD"})
_BEFORE_SENDING = (requests.ConnectTimeout, NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@frozen(kw_only=True)
class Answer:
    """A vendor's answer. `headers` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; a redirect that was not followed did nothing."""
        return self.status < _REDIRECTED

    def json(self) -> Any:
        """Decode the body. Raises OutcomeUnknownError when it is no JSON: the call was answered, by whom is unclear."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as error:
            msg = f"{self.url} answered {self.status} with {len(self.body)} bytes that are not JSON"
            raise OutcomeUnknownError(msg, status=self.status) from error


class _Made:
    """How many calls were made, by whichever thread."""

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()

    def count(self) -> None:
        """One more."""
        with self._lock:
            self.calls += 1


class _TimeoutAdapter(HTTPAdapter):
    """Give every call a timeout, also those of libraries that forget it."""

    def __init__(self, timeout_s: tuple[float, float], made: _Made) -> None:
        self._timeout_s = timeout_s
        self._made = made
        super().__init__(max_retries=0)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # requests' own keywords, passed on
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout_s
        self._made.count()
        return super().send(request, **kwargs)


class Http:
    """Calls of one connection. One `requests.Session` a thread, all with timeouts.

    Args:
        connection: Named in every error.
        base_url: Put before paths that start with "/".
        headers: Asked before each call: `{name: value}`, for tokens that change.
        timeout_s: Connect and read timeouts in seconds.
        new_session: Makes the underlying sessions; injected by tests.
    """

    def __init__(
        self,
        connection: str,
        *,
        base_url: str = "",
        headers: Callable[[], Mapping[str, str]] | None = None,
        timeout_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        new_session: Callable[[], requests.Session] = requests.Session,
    ) -> None:
        self.connection = connection
        self.base_url = base_url.rstrip("/")
        self._headers = headers or dict
        self._timeout_s = timeout_s
        self._new_session = new_session
        self._local = threading.local()
        self._made = _Made()

    @property
    def calls(self) -> int:
        """How many calls were made so far, by this and by what `at` has made of it."""
        return self._made.calls

    def at(self, base_url: str, headers: Callable[[], Mapping[str, str]] | None = None) -> Http:
        """The same calls against another base URL, with other standing headers."""
        other = Http(
            self.connection,
            base_url=base_url,
            headers=headers or self._headers,
            timeout_s=self._timeout_s,
            new_session=self._new_session,
        )
        other._made = self._made
        return other

    def session(self) -> requests.Session:
        """This thread's session, with timeouts, for libraries that want one."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._new_session()
            adapter = _TimeoutAdapter(self._timeout_s, self._made)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._local.session = session
        return session

    def get(self, path: str, **kwargs: Any) -> Any:
        """GET and decode JSON; raises the decision for any failure (`request` says which)."""
        return self._decoded("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Any:
        """POST and decode JSON; raises the decision for any failure (`request` says which)."""
        return self._decoded("POST", path, **kwargs)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Make one call and return whatever was answered, 4xx and 5xx too.

        Args:
            path: A path under `base_url`, or a whole URL.
            json: Sent as JSON; None: none.
            data: Sent as is (bytes) or as a form.
            idempotent: Whether making the call twice equals making it once; None: by the method.
            timeout_s: Overrides the read timeout.

        Raises:
            RetryableError: nothing was sent, or the call is idempotent and no answer came.
            OutcomeUnknownError: it was sent, is not idempotent, and no answer came.
        """
        url = self.base_url + path if path.startswith("/") else path
        sent_headers = {**self._headers(), **(headers or {})}
        if json is not None:
            data = msgspec.json.encode(json)
            sent_headers.setdefault("Content-Type", "application/json")
        repeatable = method in _IDEMPOTENT if idempotent is None else idempotent
        timeout = (self._timeout_s[0], timeout_s or self._timeout_s[1])
        try:
            with self.session().request(
                method,
                url,
                data=data,
                params=params,
                headers=sent_headers,
                timeout=timeout,
                stream=True,
                allow_redirects=method in _FOLLOWED,  # a redirected POST becomes a GET, whose answer looks like success
            ) as response:
                body = _bounded(response)
        except (requests.RequestException, UnicodeError) as error:
            # The cause quotes the whole URL, and tokens travel in queries.
            raise self._no_answer(method, url, error, repeatable=repeatable) from None
        return Answer(status=response.status_code, headers=response.headers, body=body, url=_bare(url))

    def _decoded(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = self.request(method, path, **kwargs)
        if not answer.ok:
            raise self.refusal(answer)
        return answer.json() if answer.body else None

    def refusal(self, answer: Answer, *, code: str | None = None, detail: str = "") -> RemoteError:
        """The decision for an answer of 300 and above, where the vendor has no better code of its own.

        Args:
            answer: What came back.
            code: The vendor's error code; None when there is none.
            detail: A short reason that is safe to show (never the body).
        """
        said = f"{self.connection}: {answer.url} answered {answer.status}" + (f" ({detail})" if detail else "")
        facts: dict[str, Any] = {"code": code, "status": answer.status}
        match answer.status:
            case 401:
                return AuthError(f"{said}: the credentials are not accepted; mend them and `crocevia check`", **facts)
            case 404 | 410:
                return GoneError(f"{said}: it is not there", **facts)
            case 409 | 412:
                return ConflictError(f"{said}: a newer version is there", **facts)
            case 429:
                return ThrottledError(f"{said}: too many calls", after=retry_after(answer.headers), **facts)
            case status if status >= 500 or status in (406, 408, 420, 425):
                return RetryableError(f"{said}: the vendor is in trouble", after=retry_after(answer.headers), **facts)
            case _:
                return RejectedError(f"{said}: refused for good", **facts)

    def _no_answer(
        self, method: str, url: str, error: requests.RequestException | UnicodeError, *, repeatable: bool
    ) -> RetryableError | OutcomeUnknownError:
        causes = _causes(error)
        # A ValueError is requests' own: the URL or a header is not one.
        nothing_sent = any(isinstance(cause, (*_BEFORE_SENDING, ValueError)) for cause in causes)
        why = type(causes[-1]).__name__
        what = f"{self.connection}: {method} {_bare(url)} got no answer ({why})"
        if nothing_sent or repeatable:
            return RetryableError(f"{what}: it is tried again; is the address right, and can this machine reach it?")
        return OutcomeUnknownError(f"{what}: it may have happened")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """Read Retry-After: seconds or an HTTP date; None when absent or garbage; at most one hour, at least zero."""
    text = (headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        after = timedelta(seconds=min(float(text), LONGEST_AFTER.total_seconds()))
    except (ValueError, OverflowError):
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        after = at - (now or datetime.now(UTC))
    return min(max(after, timedelta(0)), LONGEST_AFTER)


def _bounded(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            msg = f"an answer of more than {MAX_ANSWER_BYTES} bytes"
            raise requests.exceptions.ContentDecodingError(msg)
    if not body and response.ok and _says_no_length(response):
        raise requests.ConnectionError("the answer broke off within its head")
    return bytes(body)


def _says_no_length(response: requests.Response) -> bool:
    """Whether nothing says how long the body is: the libraries take a head that broke off for one without a body."""
    told = {"Content-Length", "Transfer-Encoding"} & {name.title() for name in response.headers}
    return not told and response.request.method != "HEAD" and response.status_code not in _BODILESS


def _causes(error: BaseException) -> list[BaseException]:
    """The failure and what it wraps, which urllib3 hides in arguments and reasons; the innermost last."""
    found = [error]
    while len(found) < _DEEPEST_CAUSE:
        last = found[-1]
        inner = getattr(last, "reason", None) or next(
            (one for one in last.args if isinstance(one, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        found.append(inner)
    return found


def _bare(url: str) -> str:
    """The URL without its query, where tokens and addresses travel."""
    return url.split("?", 1)[0]
