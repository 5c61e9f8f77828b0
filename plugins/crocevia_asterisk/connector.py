"""Asterisk as a channel: calls in and out, whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Event as StopEvent

from crocevia import (
    Attachment,
    Connector,
    Event,
    Finding,
    HoldsMedia,
    Listens,
    MediaSource,
    Message,
    ParseContext,
    Raw,
    RawPage,
    Receipt,
    SendsMessages,
)
from crocevia.errors import GoneError, RejectedError, RemoteError
from crocevia_asterisk import ari, calling, cdr, reading
from crocevia_asterisk.ami import Ami
from crocevia_asterisk.exchange import AmiExchange, Exchange
from crocevia_asterisk.listening import Listening
from crocevia_asterisk.packets import text_of
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.sides import OURS

OLDEST_AMI = 2
"""AMI 2 came with Asterisk 12: before, events name no linked id, and legs cannot be told to be one call."""


class Asterisk(Connector[Settings], Listens, SendsMessages, HoldsMedia):
    """Asterisk 13 and later, over AMI or ARI: every call is one interaction, however many legs it has.

    Its key is the call's linked id. It is told when it is clear who speaks with whom, and completed when it is over.
    """

    kind = "asterisk"
    leaf_paths = reading.LEAF_PATHS
    verified_against = "real server"

    def authorise(self) -> Mapping[str, str]:
        """ARI's user, with every call of ARI."""
        return ari.authorisation(self.settings)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event for each call that began, ended or fared, and each event that nobody knows."""
        return list(reading.events(raw.json(), self.settings))

    def listen(self, cursor: str | None, stop: StopEvent) -> Iterator[RawPage]:
        """Hear calls until `stop` is set, after making good what was not heard since `cursor`."""
        with self.exchange() as exchange:
            yield from Listening(exchange, self.settings, cursor, self.now_s).pages(stop)

    def exchange(self) -> Exchange:
        """What calls are heard on."""
        if self.settings.events == "ari":
            return ari.AriExchange(self.settings, self.connection, self.http, self.now_s)
        return AmiExchange(self.settings, self.connection, self.now_s)

    def now_s(self) -> float:
        """Seconds since 1970."""
        return self.clock.now().timestamp()

    # --- calling

    def carries(self, kind: str) -> bool:
        """Calls, and nothing else."""
        return kind == "call"

    def address_kinds(self) -> tuple[str, ...]:
        """Phone numbers."""
        return ("phone",)

    def send(self, message: Message) -> Receipt:
        """Have the agent's telephone ring, that then calls the customer."""
        if self.settings.events == "ami":
            return calling.by_ami(message, self.settings, self.connection)
        id_ = OURS + message.id
        said = {
            "endpoint": calling.telephone(message, self.settings),
            "extension": calling.dialled(message, self.settings),
            "context": self.settings.dial_context,
            "priority": 1,
            "timeout": self.settings.ring_seconds,
            **({"callerId": self.settings.caller_id} if self.settings.caller_id else {}),
        }
        ari.originate(self.http, self.connection, id_, said)
        return Receipt(key=id_)

    # --- recordings

    def media(self, attachment: Attachment) -> MediaSource:
        """A recording, from the folder of recordings: the exchange itself does not hand them out over AMI."""
        if not self.settings.recordings:
            said = f"{self.connection}: set recordings to a folder of this machine to have recordings"
            raise RejectedError(said)
        folder = Path(self.settings.recordings).resolve()
        path = (folder / (attachment.key or "")).resolve()
        if not path.is_relative_to(folder):
            path = folder / path.name
        try:
            return MediaSource(content=path.read_bytes())
        except OSError as error:
            raise GoneError(f"{self.connection}: recording {path.name} is not in {folder}") from error

    # --- check

    def check(self) -> Iterator[Finding]:
        """Log in, ask for the calls that are up, and look at what the settings need beside that."""
        if self.settings.events == "ami" or not self.settings.ari_user:
            yield self._ami()
        if self.settings.ari_user:
            yield self._ari()
        if not self.settings.agent and not self.settings.agents:
            do = "nobody's calls can be made from a CRM: set agent, or agents"
            yield Finding(level="warning", what="click-to-call", do=do)
        if not self.settings.cdr_csv:
            do = "calls that begin and end while nobody listens are not known: give the CDR file if this machine has it"
            yield Finding(level="warning", what="cdr_csv", do=do)
        elif why := cdr.problem(Path(self.settings.cdr_csv)):
            yield Finding(level="problem", what="cdr_csv", do=why)
        else:
            yield Finding(level="ok", what="cdr_csv")

    def _ami(self) -> Finding:
        try:
            with Ami(self.settings, self.connection) as ami:
                version = ami.version
                ami.listed("CoreShowChannels", "CoreShowChannel")
                asterisk = text_of(ami.ask("CoreSettings"), "AsteriskVersion")
        except RemoteError as error:
            return Finding(level="problem", what="AMI", do=str(error))
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) < OLDEST_AMI:
            do = f"AMI {version} does not say which legs are one call: Asterisk 13 or later is needed"
            return Finding(level="problem", what="AMI", do=do)
        return Finding(level="ok", what=f"AMI {version}" + (f", Asterisk {asterisk}" if asterisk else ""))

    def _ari(self) -> Finding:
        try:
            found = self.http.get("/asterisk/info")
        except RemoteError as error:
            return Finding(level="problem", what="ARI", do=str(error))
        system = found.get("system", {}) if isinstance(found, dict) else {}
        return Finding(level="ok", what=f"ARI, Asterisk {system.get('version', '')}")
