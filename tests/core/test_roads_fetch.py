"""A file is fetched from where a stranger says, and never from within our own network, nor for ever."""

import hashlib
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crocevia.errors import GoneError, RejectedError, RemoteError, RetryableError, StoreError
from crocevia.fetch import INTERNET, Fetched, Limits, Network, fetch, is_public
from crocevia.model import MediaSource

Answer = Callable[[socket.socket], None]
HTTP = Limits(http=True, most_bytes=1000, longest=timedelta(seconds=20))
LOOPBACK = ip_address("127.0.0.1")


class Host:
    """Answers each path as the test says, and keeps what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answers: dict[str, Answer] = {}
        self.heads: list[str] = []
        self.over = threading.Event()
        self._tls = tls
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def url(self, path: str, host: str = "media.example", scheme: str = "http") -> str:
        """A URL of this server, under whatever name."""
        return f"{scheme}://{host}:{self.port}{path}"

    def says(self, path: str, status: str, body: bytes = b"", **headers: str) -> None:
        """One whole answer."""
        named = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
        lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{name}: {text}" for name, text in named.items())]
        self.sends(path, ("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def sends(self, path: str, data: bytes) -> None:
        """These bytes, and the end."""
        self.answers[path] = lambda client: client.sendall(data)

    def drips(self, path: str, head: bytes, drop: bytes) -> None:
        """A head, then a drop again and again until the test is over."""

        def drip(client: socket.socket) -> None:
            client.sendall(head)
            while not self.over.wait(0.01):
                client.sendall(drop)

        self.answers[path] = drip

    def close(self) -> None:
        """Stop."""
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while not self.over.is_set():
            try:
                client, _ = self.socket.accept()
                client.settimeout(10)
                with self._tls.wrap_socket(client, server_side=True) if self._tls else client as one:
                    head = one.recv(65536).decode()
                    self.heads.append(head)
                    self.answers[head.split(" ")[1]](one)
            except OSError:
                continue


@pytest.fixture
def host() -> Iterator[Host]:
    """A server on this machine."""
    found = Host()
    yield found
    found.close()


def names(*answers: str) -> tuple[Network, list[str]]:
    """A network where every name has these addresses in turn (the last for ever), and where 127.0.0.1 is allowed."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1].split()

    return Network(allows=lambda one: one == LOOPBACK or is_public(one), resolve=resolve), asked


def fetched(url: str, network: Network | None = None, limits: Limits = HTTP, **headers: str) -> tuple[bytes, Fetched]:
    """The bytes of a URL and what is said of them."""
    into = io.BytesIO()
    source = MediaSource(url=url, headers=headers)
    came = fetch(source, into, connection="road", limits=limits, network=network or names("127.0.0.1")[0])
    return into.getvalue(), came


def test_a_file_comes_as_it_is_with_what_is_said_of_it(host: Host) -> None:
    """Its query, type, size and hash; the host is asked by its name."""
    host.says("/a%20file?token=1%2F2&x=%C3%A8", "200 OK", b"bytes", Content_Type="image/png")
    body, came = fetched(host.url("/a file?token=1%2F2&x=\u00e8"), authorization="Bearer s3cret")
    assert body == b"bytes"
    assert came == Fetched(size_bytes=5, sha256=hashlib.sha256(b"bytes").hexdigest(), content_type="image/png")
    [head] = host.heads
    assert f"Host: media.example:{host.port}" in head
    assert "authorization: Bearer s3cret" in head


# --- where it does not go


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, True) for one in ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822")),
        *((one, False) for one in ("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254")),
        *((one, False) for one in ("100.64.0.1", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255")),
        *((one, False) for one in ("::1", "::", "fe80::1", "fe80::1%1", "fc00::1", "ff0e::1", "::7f00:1")),
        *(
            (one, False)
            for one in ("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001:db8::1")
        ),
    ],
)
def test_an_address_is_public_or_it_is_not(address: str, public: bool) -> None:  # noqa: FBT001 - a parameter
    """Also where an IPv4 address is hidden in another."""
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "①②⑦.0.0.1",
    ],
)
def test_this_machine_is_not_asked_however_it_is_written(host: Host, name: str) -> None:
    """As the system itself understands it."""
    with pytest.raises(RejectedError, match="is within a network of our own"):
        fetched(host.url("/", name), INTERNET)
    assert host.heads == []


def test_one_inner_address_among_outer_ones_is_enough(host: Host) -> None:
    """Who serves both has something in mind."""
    with pytest.raises(RejectedError, match="network of our own"):
        fetched(host.url("/"), names("93.184.216.34 10.0.0.1")[0])


def test_a_name_that_answers_otherwise_a_moment_later_changes_nothing(host: Host) -> None:
    """What was looked at is what is connected to; at a redirect it is asked and looked at again."""
    host.says("/", "200 OK", b"bytes")
    network, asked = names("127.0.0.1", "169.254.169.254")
    assert fetched(host.url("/"), network)[0] == b"bytes"
    assert asked == ["media.example"]
    host.says("/moved", "302 Found", Location="/")
    network, asked = names("127.0.0.1", "169.254.169.254")
    with pytest.raises(RejectedError, match="network of our own"):
        fetched(host.url("/moved"), network)
    assert asked == ["media.example", "media.example"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest/meta-data/", "network of our own"),
        ("http://[::ffff:169.254.169.254]/", "network of our own"),
        ("//10.0.0.1/", "network of our own"),
        ("file:///etc/passwd", "no such URL"),
        ("gopher://media.example/", "no such URL"),
        ("http://user:word@media.example/", "holds a user or odd characters"),
        ("http://media.example:99999/", "no such URL"),
        ("/moved", "sent on more than 5 times"),
    ],
)
def test_a_redirect_leads_nowhere_that_a_url_may_not(host: Host, location: str, said: str) -> None:
    """Each step is looked at like the first, and there are not many."""
    host.says("/moved", "302 Found", Location=location)
    network = Network(allows=lambda one: one == LOOPBACK, resolve=lambda name, port: [_number(name)])
    with pytest.raises(RejectedError, match=said):
        fetched(host.url("/moved"), network)


def _number(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return "127.0.0.1"


@pytest.mark.parametrize("url", ["http://media.example/", "ftp://media.example/", "", "https://", "https://a\tb/", "x"])
def test_without_the_setting_only_https_is_spoken(url: str) -> None:
    """And what is no URL is refused before anything is asked."""
    network, asked = names("127.0.0.1")
    with pytest.raises(RejectedError):
        fetched(url, network, Limits())
    assert asked == []


def test_credentials_go_to_their_host_alone(host: Host) -> None:
    """Not to another name, even of the same machine; to another path of its own, they do."""
    host.says("/moved", "302 Found", Location=host.url("/", "elsewhere.example"))
    host.says("/back", "302 Found", Location="/")
    host.says("/", "200 OK", b"bytes")
    for path, expected in (("/moved", False), ("/back", True)):
        fetched(host.url(path), authorization="Bearer s3cret")
        assert ("s3cret" in host.heads[-1]) is expected


# --- how much, how long


def test_a_promise_of_ten_gigabytes_is_not_waited_for(host: Host) -> None:
    """It is refused by its head."""
    host.sends("/", b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
    with pytest.raises(RejectedError, match="larger than 1000 bytes"):
        fetched(host.url("/"))


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_what_promises_nothing_is_stopped_where_it_is_too_much(host: Host, head: bytes) -> None:
    """Whatever it goes on to send."""
    drop = b"40\r\n" + b"x" * 64 + b"\r\n" if head else b"x" * 64
    host.drips("/", b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", drop)
    with pytest.raises(RejectedError, match="larger than 1000 bytes"):
        fetched(host.url("/"))


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_slow_drip_ends_with_the_time_that_there_is(host: Host, head: bytes, drop: bytes) -> None:
    """In the body and in the head; what came is not taken for the whole."""
    host.drips("/", head, drop)
    with pytest.raises(RetryableError):
        fetched(host.url("/"), limits=Limits(http=True, most_bytes=100, longest=timedelta(milliseconds=150)))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"no answer at all\r\n\r\n",
        b"",
    ],
)
def test_half_a_file_is_none(host: Host, answer: bytes) -> None:
    """It may be whole another time."""
    host.sends("/", answer)
    with pytest.raises(RetryableError, match="got no whole answer"):
        fetched(host.url("/"))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("404 Not Found", {}, GoneError),
        ("403 Forbidden", {}, RejectedError),
        ("503 Service Unavailable", {}, RetryableError),
        ("206 Partial Content", {}, RejectedError),
        ("200 OK", {"Content_Encoding": "gzip"}, RejectedError),
    ],
)
def test_what_the_host_says_is_a_decision(
    host: Host, status: str, headers: dict[str, str], error: type[RemoteError]
) -> None:
    """Its URL is not told: what opens it travels in its query."""
    host.says("/?token=s3cret", status, b"x", **headers)
    with pytest.raises(error) as caught:
        fetched(host.url("/?token=s3cret"))
    assert "s3cret" not in str(caught.value)


def test_a_host_that_is_not_there_is_asked_later(host: Host) -> None:
    """Neither its name nor its port."""

    def nobody(name: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "unknown")

    with pytest.raises(RetryableError, match="has no address"):
        fetched(host.url("/"), Network(resolve=nobody))
    unused = socket.create_server(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    unused.close()
    with pytest.raises(RetryableError, match="got no whole answer"):
        fetched(f"http://media.example:{port}/")


def test_a_disk_that_is_full_is_not_the_vendors_fault(host: Host) -> None:
    """It is said so."""

    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="cannot be written here"):
        fetch(MediaSource(content=b"bytes"), Full(), connection="road")


def test_bytes_that_the_channel_has_are_held_to_the_same_size() -> None:
    """Without any network."""
    into = io.BytesIO()
    assert fetch(MediaSource(content=b"bytes"), into, connection="road").size_bytes == 5
    assert into.getvalue() == b"bytes"
    with pytest.raises(RejectedError, match="larger than 4 bytes"):
        fetch(MediaSource(content=b"bytes"), into, connection="road", limits=Limits(most_bytes=4))


# --- HTTPS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of media.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "media.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_over_https_the_host_proves_its_name_and_is_not_left_for_http(certificate: Path) -> None:
    """The certificate is of the name that was asked for, not of the address that was connected to."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    host = Host(served)
    network = Network(
        allows=lambda one: one == LOOPBACK,
        resolve=lambda name, port: ["127.0.0.1"],
        tls=lambda: ssl.create_default_context(cafile=str(certificate)),
    )
    try:
        host.says("/", "200 OK", b"bytes")
        host.says("/down", "302 Found", Location=host.url("/"))
        assert fetched(host.url("/", scheme="https"), network, Limits())[0] == b"bytes"
        with pytest.raises(RejectedError, match="fetched by https alone"):
            fetched(host.url("/down", scheme="https"), network, Limits())
        with pytest.raises(RejectedError, match=r"cannot prove that it is other\.example"):
            fetched(host.url("/", "other.example", scheme="https"), network, Limits())
    finally:
        host.close()
