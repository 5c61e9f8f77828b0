"""`crocevia translate`: what Crocevia makes of raw vendor input, without settings or store."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from crocevia.cli.session import Session, pass_session
from crocevia.connector import Connector
from crocevia.errors import MalformedError
from crocevia.model import Event, Ignored, ParseContext, Raw, Unrecognised
from crocevia.model.wire import to_wire
from crocevia.plugins import Dispatcher


class UnreadError(Exception):
    """A file could not be translated; the text says why."""


@click.command()
@click.argument("kind")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header that came with the input.")
@click.option("--stream", default="", help="The stream or object that a page belongs to, where a connector needs it.")
@click.option("--region", help="ISO country of phone numbers without a prefix.")
@pass_session
def translate(
    session: Session, kind: str, files: tuple[str, ...], headers: tuple[str, ...], stream: str, region: str | None
) -> None:
    """Print, as one JSON line for each FILE, the events that a connector of KIND makes of it.

    A line has the file, the kind, the number of leaves, the events in Crocevia's words, the ignored with the reason,
    and the unrecognised. FILE is raw input exactly as the vendor gave it: a webhook's body, a page, a line of a
    stream; "-" is standard input. A file that is not the vendor's format at all is named on standard error, and the
    exit code is 1.
    """
    connector = _connector(session, kind)
    given = dict(_header(header) for header in headers)
    failed = False
    for file in files:
        try:
            raw = Raw(
                connection=kind,
                kind=kind,
                body=_body(file),
                received_at=datetime.now(UTC),
                headers=given,
                source="file",
                stream=stream,
            )
            line = {"file": file, "kind": kind, **translated(connector, raw, session.plugins.dispatcher, region)}
        except UnreadError as error:
            click.echo(f"{file}: {error}", err=True)
            failed = True
        else:
            click.echo(_json(line))
    if failed:
        sys.exit(1)


def translated(connector: Connector[Any], raw: Raw, dispatcher: Dispatcher, region: str | None) -> dict[str, Any]:
    """The leaves, events, ignored and unrecognised of a raw, after the plugins' translations.

    Raises:
        UnreadError: the raw is not the vendor's format, or the connector failed.
    """
    context = ParseContext(now=raw.received_at, region=region)
    try:
        leaves = connector.leaves(raw)
        parsed = list(connector.parse(raw, context))
    except MalformedError as error:
        raise UnreadError(f"this is not {connector.kind} input: {error}") from error
    except Exception as error:
        raise UnreadError(
            f"the connector {connector.kind} failed on it ({type(error).__name__}): {_where(error)}"
        ) from error
    events = [
        *(event for item in parsed for event in dispatcher.translate("crocevia_translate_event", item, raw=raw)),
        *_overlooked(leaves or (), parsed),
    ]
    return {
        "leaves": len(leaves) if leaves is not None else len(parsed),
        "events": [to_wire(event) for event in events if not isinstance(event, (Ignored, Unrecognised))],
        "ignored": [{"leaf": event.leaf, "reason": event.reason} for event in events if isinstance(event, Ignored)],
        "unrecognised": [
            {"leaf": event.leaf, "what": event.what} for event in events if isinstance(event, Unrecognised)
        ],
    }


def _overlooked(leaves: list[str] | tuple[str, ...], parsed: list[Event]) -> Iterator[Unrecognised]:
    told = {event.leaf for event in parsed}
    return (
        Unrecognised(what="a leaf that the connector says nothing of", leaf=leaf) for leaf in leaves if leaf not in told
    )


def _connector(session: Session, kind: str) -> Connector[Any]:
    from crocevia.config import placeholder_settings

    known = session.plugins.connectors
    if kind not in known:
        near = get_close_matches(kind, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        failed = " A plugin failed to load: `crocevia plugins` says why." if session.plugins.failures else ""
        raise click.UsageError(
            f"No connector of kind {kind!r} is installed, only {', '.join(known) or 'none'}.{hint}{failed}"
        )
    return known[kind](placeholder_settings(known[kind]), connection=kind)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"A header is written 'NAME: VALUE', not {text!r}.")
    return name.strip().lower(), value.strip()


def _body(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UnreadError(f"it cannot be read: {(error.strerror or type(error).__name__).lower()}") from error


def _where(error: BaseException) -> str:
    """File and line of the last frame: what a connector's author needs, and no customer's text."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f"{Path(last.tb_frame.f_code.co_filename).name}, line {last.tb_lineno}" if last is not None else "nowhere"


def _json(line: dict[str, Any]) -> bytes:
    """One line of JSON; a lone surrogate, which UTF-8 cannot hold, is escaped with all the rest of its line."""
    try:
        return json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(line).encode()
