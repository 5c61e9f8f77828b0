"""A file fetched from an address that somebody else named: never from within our own network, never for ever.

A vendor's webhook, or whoever forged a link in it, says where a file lies. So each host is resolved, every address of
it looked at, and the connection made to the very address that was looked at (a name that answers otherwise a moment
later changes nothing); again at each redirect. Size and time are bounded while reading, whatever the head promises.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import BinaryIO, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from attrs import field, frozen

from crocevia.errors import RejectedError, RetryableError, StoreError
from crocevia.http import Answer, Http
from crocevia.model import MediaSource

IP = IPv4Address | IPv6Address
MOST_REDIRECTS = 5
CONNECT_S = 10.0
_CHUNK = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"https": 443, "http": 80}
_KEPT = "%/:=&?~+!$,;'@()*[]"
"""What a path and its query may hold as they are."""
_EMBEDDING = ip_network("64:ff9b::/96")
_OWN = ip_network("64:ff9b:1::/48")


def is_public(address: IP) -> bool:
    """Whether an address is somebody's on the internet: not ours, not this machine's, not a group's, not reserved.

    What carries an IPv4 address within (mapped, 6to4, NAT64) is what that one is.

    Source: RFC 6890 and the IANA special-purpose registries, as `ipaddress` has them; RFC 6052, RFC 8215 for NAT64.
    """
    if isinstance(address, IPv6Address):
        if address in _OWN:
            return False
        within = address.ipv4_mapped or address.sixtofour
        if address in _EMBEDDING:
            within = IPv4Address(int(address) & 0xFFFF_FFFF)
        if within is not None:
            return is_public(within)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as the system knows them, in the order to try them; numbers of any spelling too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@frozen
class Network:
    """What there is to reach; tests have their own.

    Attributes:
        allows: Whether an address may be connected to.
        resolve: `(host, port)` to addresses.
        tls: What HTTPS trusts.
    """

    allows: Callable[[IP], bool] = is_public
    resolve: Callable[[str, int], Sequence[str]] = resolve
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context


INTERNET = Network()


@frozen(kw_only=True)
class Limits:
    """How much of a file is taken.

    Attributes:
        most_bytes: A larger file is refused, at the latest when so much was read.
        longest: The whole of it, redirects too, takes no longer.
        http: Whether unencrypted HTTP is followed.
    """

    most_bytes: int = 64 * 1024 * 1024
    longest: timedelta = timedelta(minutes=2)
    http: bool = False


@frozen(kw_only=True)
class Fetched:
    """What came. `content_type` as the host says, None when it does not; `sha256` in hex."""

    size_bytes: int
    sha256: str
    content_type: str | None = None


def fetch(
    source: MediaSource, into: BinaryIO, *, connection: str, limits: Limits | None = None, network: Network = INTERNET
) -> Fetched:
    """Write the bytes of a file; what was written is of no use when this raises.

    Args:
        source: Its `headers` go to the host of its URL alone.
        into: Written to, from where it stands.
        connection: Named in errors.

    Raises:
        RejectedError: it lies where we do not go, is too large, or the host refuses it.
        GoneError: it is not there.
        RetryableError: the host did not answer, or not in time.
        RemoteError: what else the host says.
        StoreError: it cannot be written here.
    """
    limits = limits or Limits()
    with _Deadline(connection, limits.longest) as deadline:
        if source.content is not None:
            return _written(_whole(source.content), into, connection, limits)
        headers, url, origin = source.headers, source.url, None
        for _ in range(MOST_REDIRECTS + 1):
            parts = _parts(connection, url, limits)
            origin = origin or _origin(parts)
            with _asked(connection, parts, headers if _origin(parts) == origin else {}, network, deadline) as answer:
                if answer.status not in _REDIRECTS:
                    _check(connection, parts, answer)
                    return _written(
                        _read(answer, deadline), into, connection, limits, answer.headers.get("Content-Type")
                    )
                url = urljoin(url, answer.headers.get("Location") or "")
    raise RejectedError(f"{connection}: the file is sent on more than {MOST_REDIRECTS} times: it is not followed")


# --- where ----------------------------------------------------------------------------------------------------------


def _parts(connection: str, url: str, limits: Limits) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    allowed = ("https", "http") if limits.http else ("https",)
    if parts.scheme not in allowed or not host:
        raise RejectedError(f"{connection}: a file is fetched by {' or '.join(allowed)} alone, and this is no such URL")
    if parts.username is not None or any(one < " " or one == "\x7f" for one in url):
        raise RejectedError(f"{connection}: the URL of a file holds a user or odd characters: it is not fetched")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _addresses(connection: str, host: str, port: int, network: Network) -> list[str]:
    try:
        found = list(network.resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise RetryableError(f"{connection}: {host} has no address; is the name right?") from error
    for address in found:
        if not network.allows(ip_address(address)):
            raise RejectedError(f"{connection}: {host} is within a network of our own, or no host at all: not fetched")
    return found


# --- how ------------------------------------------------------------------------------------------------------------


class _Deadline:
    """Ends every connection that is open when the time is over: also one that sends a byte now and then."""

    def __init__(self, connection: str, longest: timedelta) -> None:
        self.connection = connection
        self.over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(longest.total_seconds(), self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, one: socket.socket | None) -> None:
        """Look after this connection from now on."""
        with self._lock:
            self._socket = one
            if self.over:
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it had ended by itself


class _Pinned(HTTPConnection):
    """A connection to an address that was looked at, under the host's own name."""

    def __init__(self, parts: SplitResult, addresses: Sequence[str], network: Network, deadline: _Deadline) -> None:
        super().__init__(parts.hostname or "", parts.port or _PORTS[parts.scheme], timeout=CONNECT_S)
        self._addresses = addresses
        self._tls = network.tls() if parts.scheme == "https" else None
        self._deadline = deadline

    def connect(self) -> None:
        """Try the addresses in turn."""
        self.sock = self._reached()
        self._deadline.watch(self.sock)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._deadline.watch(self.sock)
            self.sock.do_handshake()

    def _reached(self) -> socket.socket:
        last: OSError | None = None
        for address in self._addresses:
            if self._deadline.over:
                break
            try:
                return socket.create_connection((address, self.port), CONNECT_S)
            except OSError as error:
                last = error
        raise last or OSError("no address")


@contextmanager
def _asked(
    connection: str, parts: SplitResult, headers: Mapping[str, str], network: Network, deadline: _Deadline
) -> Iterator[HTTPResponse]:
    host = parts.hostname or ""
    addresses = _addresses(connection, host, parts.port or _PORTS[parts.scheme], network)
    made = _Pinned(parts, addresses, network, deadline)
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
    try:
        made.request("GET", target, headers={"Accept-Encoding": "identity", **headers})
        with made.getresponse() as answer:
            yield answer
    except ssl.SSLCertVerificationError as error:
        raise RejectedError(f"{connection}: {host} cannot prove that it is {host}: the file is not fetched") from error
    except (OSError, HTTPException, ValueError) as error:
        why = "took too long" if deadline.over else f"got no whole answer ({type(error).__name__})"
        raise RetryableError(f"{connection}: fetching the file from {host} {why}; try again later") from error
    finally:
        deadline.watch(None)
        made.close()


def _check(connection: str, parts: SplitResult, answer: HTTPResponse) -> None:
    if answer.status != 200:
        url = f"{parts.scheme}://{parts.hostname}"
        said = Answer(status=answer.status, headers=answer.headers, body=b"", url=url)  # type: ignore[arg-type]  # a message is a mapping in all but name
        raise Http(connection).refusal(said, detail="the file")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RejectedError(f"{connection}: {parts.hostname} sends the file encoded, which was not asked for")


# --- what -----------------------------------------------------------------------------------------------------------


@frozen
class _Body:
    """The bytes of a file as they come, and how many the head promises."""

    chunks: Iterator[bytes] = field()
    promised: int | None = None


def _whole(content: bytes) -> _Body:
    return _Body(iter((content,)), len(content))


def _read(answer: HTTPResponse, deadline: _Deadline) -> _Body:
    promised = answer.length

    def chunks() -> Iterator[bytes]:
        while chunk := answer.read1(_CHUNK):
            yield chunk
        if answer.length or deadline.over:  # a connection that was ended looks like the end of the body
            raise HTTPException("the body broke off")

    return _Body(chunks(), promised)


def _written(body: _Body, into: BinaryIO, connection: str, limits: Limits, content_type: str | None = None) -> Fetched:
    size, digest = 0, hashlib.sha256()
    too_large = RejectedError(f"{connection}: the file is larger than {limits.most_bytes} bytes: it is not fetched")
    if body.promised is not None and body.promised > limits.most_bytes:
        raise too_large
    for chunk in body.chunks:
        size += len(chunk)
        if size > limits.most_bytes:
            raise too_large
        digest.update(chunk)
        try:
            into.write(chunk)
        except OSError as error:
            raise StoreError(f"{connection}: the file cannot be written here ({type(error).__name__})") from error
    return Fetched(size_bytes=size, sha256=digest.hexdigest(), content_type=content_type)
