"""Settings of one mailbox."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, field, frozen, validators

from crocevia import Secret
from crocevia.errors import ConfigError
from crocevia_email.address import Ours

Security = Literal["tls", "starttls", "none"]
_PORTS = {"imap": {"tls": 993, "starttls": 143, "none": 143}, "smtp": {"tls": 465, "starttls": 587, "none": 25}}


def _some(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    if not value:
        raise ConfigError(f"{attribute.name}: expected at least one, got none")


def _addresses(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    _some(_, attribute, value)
    for address in value:
        if "@" not in address or any(character.isspace() for character in address):
            expected = '"name@example.com" or "@example.com"'
            raise ConfigError(f"{attribute.name}: expected {expected}, got {address[:80]!r}")


@frozen(kw_only=True)
class Settings:
    """One mailbox, and the server that its answers go out through.

    Attributes:
        imap_host: The server that keeps the mailbox.
        username: For IMAP, and for SMTP unless `smtp_username` says otherwise.
        password: Of both; an app password where the provider has them. None with `refresh_token`.
        addresses: Our own: `"info@shop.example"`, or `"@shop.example"` for everybody there. The first is the sender
            unless `from_address` says otherwise.
        folders: What is read; the first is watched by IDLE, the others are looked at now and then.
        sent_folders: Where mail programs keep what was sent; all in them is outbound.
        authserv_id: Name under which our own server writes `Authentication-Results`; None: no sender is ever verified.
        history_days: How far back the first start reads; 0: only what comes from then on.
        look_seconds: How often the other folders are looked at, and all of them where the server has no IDLE.
        whole_bytes: Mails above this size are read without the bodies of their attachments.
        mark_seen: Whether what was taken in is marked as read there. Nothing is marked otherwise, nothing ever deleted.
        keep_sent: Folder that a copy of each answer is put into; None where the SMTP server does it, or nobody.
        ignore_spam: Whether mails that our server has marked as spam are ignored.
        ignore_bulk: Whether mailing lists and newsletters are ignored.
        smtp_host: None: nothing can be sent.
        from_name: Shown beside the address.
        reply_to: Where answers shall go; None: to the sender.
        subject: Of a message that starts a conversation and was given none.
        message_domain: Right side of our Message-IDs; None: the sender's domain. Not to be changed later: bounces of
            what was sent before would not be known as such.
        ca_file: Certificates to trust, PEM; None: the system's.
        token_url: OAuth 2.0, where the provider takes no passwords (XOAUTH2): with `client_id`, `client_secret` and
            `refresh_token`.
    """

    imap_host: str
    username: str
    password: Secret | None = None
    addresses: tuple[str, ...] = field(validator=_addresses)
    imap_security: Security = "tls"
    imap_port: int | None = field(default=None, validator=validators.optional(validators.in_(range(1, 65536))))
    folders: tuple[str, ...] = field(default=("INBOX",), validator=_some)
    sent_folders: tuple[str, ...] = ()
    authserv_id: str | None = None
    history_days: int = field(default=0, validator=[validators.ge(0), validators.le(3650)])
    look_seconds: float = field(default=60.0, validator=[validators.ge(1), validators.le(1500)])
    whole_bytes: int = field(default=1_000_000, validator=[validators.ge(10_000), validators.le(50_000_000)])
    mark_seen: bool = False
    keep_sent: str | None = None
    ignore_spam: bool = True
    ignore_bulk: bool = True
    smtp_host: str | None = None
    smtp_security: Security = "starttls"
    smtp_port: int | None = field(default=None, validator=validators.optional(validators.in_(range(1, 65536))))
    smtp_username: str | None = None
    smtp_password: Secret | None = None
    from_address: str | None = None
    from_name: str | None = None
    reply_to: str | None = None
    subject: str = "Your message"
    message_domain: str | None = None
    ca_file: Path | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None

    def __attrs_post_init__(self) -> None:
        """What one setting alone cannot tell."""
        for road, host, security in (
            ("imap", self.imap_host, self.imap_security),
            ("smtp", self.smtp_host, self.smtp_security),
        ):
            if security == "none" and host is not None and not _is_loopback(host):
                expected = '"tls" or "starttls", for a password must not travel in clear'
                raise ConfigError(f'{road}_security: expected {expected}, got "none"')
        if self.password is None and self.refresh_token is None:
            raise ConfigError("password: expected a password, or refresh_token with token_url, got neither")
        if self.refresh_token is not None and not (self.token_url and self.client_id):
            raise ConfigError("token_url: expected the provider's token endpoint, and client_id, got none")
        if self.token_url is not None and not self.token_url.startswith(("https://", "http://127.0.0.1:")):
            raise ConfigError("token_url: expected an https:// URL, got another")
        if not self.sender or self.sender.startswith("@"):
            raise ConfigError("from_address: expected the address that answers come from, got none")

    @property
    def sender(self) -> str:
        """The address that answers come from; `""` where no settings were given, as for one mail translated by hand."""
        return self.from_address or next(iter(self.addresses), "")

    @property
    def domain(self) -> str:
        """Right side of our Message-IDs."""
        return (self.message_domain or self.sender.rpartition("@")[2]).lower()

    @property
    def ours(self) -> Ours:
        """Which addresses are ours."""
        return Ours((*self.addresses, self.sender))

    @property
    def all_folders(self) -> tuple[str, ...]:
        """What is read, each once."""
        return tuple(dict.fromkeys((*self.folders, *self.sent_folders)))

    def port(self, road: Literal["imap", "smtp"]) -> int:
        """The port as set, or the usual one."""
        given, security = (
            (self.imap_port, self.imap_security) if road == "imap" else (self.smtp_port, self.smtp_security)
        )
        return given or _PORTS[road][security]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
