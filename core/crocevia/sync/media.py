"""The files of an interaction, fetched when somebody wants them: we keep where they are, not what is in them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from attrs import frozen

from crocevia import fetch as fetching
from crocevia.connector import HoldsMedia
from crocevia.errors import GoneError, RefusedError
from crocevia.fetch import INTERNET, Fetched, Limits, Network
from crocevia.model import Attachment, MediaSource, from_us
from crocevia.store.interactions import InteractionRow
from crocevia.sync.world import Live, World

_MB = 1024 * 1024


@frozen(kw_only=True)
class File:
    """One file of an interaction.

    Attributes:
        number: Counted from 1.
        until: When the vendor stops keeping it; None: it does not say.
        gone: Whether that is over.
        note: That for a person: until when it is to be had, or that it is gone; `""` when the vendor does not say.
    """

    number: int
    attachment: Attachment
    until: datetime | None = None
    gone: bool = False
    note: str = ""


def files(world: World, row: InteractionRow) -> list[File]:
    """The files of an interaction, in order, and how long they are to be had."""
    kept = lifetime(world.lives.get(road_of(row)))
    until = None if kept is None else from_us(row.at) + kept
    gone = until is not None and world.clock.now() > until
    note = "" if until is None or kept is None else said_gone(kept) if gone else f"kept until {until:%Y-%m-%d}"
    return [
        File(number=number, attachment=Attachment(**facts), until=until, gone=gone, note=note)
        for number, facts in enumerate(row.detail.get("attachments", ()), start=1)
    ]


def fetch(
    world: World, row: InteractionRow, number: int, into: BinaryIO, *, network: Network = INTERNET
) -> tuple[File, Fetched, bool | None]:
    """Write the bytes of one file; what was written is of no use when this raises.

    Returns:
        The file, what came, and whether it is what the vendor had said (by its hash; None: it had said none).

    Raises:
        RefusedError: there is no such file, or nowhere to have it from.
        GoneError: the vendor does not keep it any more.
        RemoteError: as `crocevia.fetch.fetch`, or whatever the connector says.
    """
    found = files(world, row)
    if not 1 <= number <= len(found):
        raise RefusedError(f"{row.uid} has {len(found)} files: there is no number {number}")
    file, live = found[number - 1], world.lives.get(road_of(row))
    if live is None:
        raise RefusedError(f"the connection {road_of(row)} is not in the settings: its files cannot be asked for")
    if file.gone:
        raise GoneError(f"{live.name}: {file.note}")
    limits = Limits(most_bytes=int(live.options.media_mb * _MB), http=live.options.media_http)
    came = fetching.fetch(_source(live, file.attachment), into, connection=live.name, limits=limits, network=network)
    return file, came, intact(file.attachment.sha256, came.sha256)


def said_gone(kept: timedelta) -> str:
    """What is said of a file after its vendor's time."""
    return f"the vendor keeps a file for {_time(kept)}: it is gone"


def lifetime(live: Live | None) -> timedelta | None:
    """How long a connection's vendor keeps a file after its message; None: it does not say."""
    return live.connector.media_lifetime if live is not None and isinstance(live.connector, HoldsMedia) else None


def road_of(row: InteractionRow) -> str:
    """The connection that an interaction came or went through."""
    found: str = row.detail.get("road", row.connection)
    return found


def intact(said: str | None, came: str) -> bool | None:
    """Whether a hash that a vendor gave, in hex or base64, is the one of what came (hex); None: it gave none."""
    if not said:
        return None
    if said.lower() == came:
        return True
    try:
        return (
            base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_" if set(said) & set("-_") else None).hex()
            == came
        )
    except (binascii.Error, ValueError):
        return False


def _source(live: Live, attachment: Attachment) -> MediaSource:
    if isinstance(live.connector, HoldsMedia):
        return live.connector.media(attachment)
    if not attachment.url:
        what: Any = attachment.detail or attachment.name or attachment.kind
        raise RefusedError(f"{live.name}: this is not a file that could be fetched, it is a {attachment.kind}: {what}")
    return MediaSource(url=attachment.url)


def _time(kept: timedelta) -> str:
    if kept >= timedelta(days=2):
        return f"{kept.days} days"
    hours = int(kept.total_seconds() // 3600)
    return f"{hours} hours" if hours > 1 else f"{int(kept.total_seconds() // 60)} minutes"
