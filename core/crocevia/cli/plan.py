"""`crocevia plan`: what would change where, field by field, without doing it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from crocevia.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crocevia.store.planned import Change
    from crocevia.sync.plan import Plan

_SHOWN = 20


@click.command()
@click.option("--connection", "name", help="Of this connection only; it is looked at even while it is paused.")
@click.option("--limit", type=click.IntRange(0), default=_SHOWN, show_default=True, help="Most changes to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def plan(session: Session, name: str | None, limit: int, *, as_json: bool) -> None:
    """Say what the daemon would do, and do none of it: records made, changed, linked and deleted, messages sent.

    Every connection is read as the daemon would read it, on a copy of the store; nothing is written to a CRM, nothing
    sent, and the store stays as it is. It shows customers' data, on this terminal alone.

    Exit code 0 when nothing would change, 2 when something would, 1 when a connection could not be looked at.
    """
    from crocevia.daemon import build_world
    from crocevia.store import open_store
    from crocevia.sync.plan import make_plan

    known = sorted(session.settings.connections)
    if name is not None and name not in known:
        raise click.UsageError(f"there is no connection {name!r}; there are: {', '.join(known) or 'none'}")
    store = open_store(session.settings.core.store)
    try:
        world = build_world(session.settings, session.plugins, store)
        with make_plan(world, only=name, progress=_progress) as found:
            counts = {key: n for key, n in found.counts.items() if name in (None, key[0])}
            troubles = {where: why for where, why in found.troubles.items() if name in (None, where)}
            (_print_json if as_json else _print)(found, counts, troubles, islice(found.changes(name), limit))
    finally:
        store.close()
    code = 1 if troubles else 2 if counts else 0
    raise click.exceptions.Exit(code)


def _progress(name: str, what: str, count: int) -> None:
    """Where somebody watches, how far it is."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{name}: {count} {what}\r", err=True, nl=False)


def _print_json(
    found: Plan, counts: dict[tuple[str, str, str], int], troubles: dict[str, str], changes: Iterator[Change]
) -> None:
    told = {
        "summary": [
            {"connection": where, "object": object_name, "operation": operation, "count": n}
            for (where, object_name, operation), n in counts.items()
        ],
        "new_customers": found.customers,
        "write_calls": dict(found.calls),
        "not_looked_at": troubles,
        "paused": list(found.skipped),
        "changes": [_as_json(change) for change in changes],
    }
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "connection": change.connection,
        "object": change.object,
        "operation": change.operation,
        "ours": change.ours,
        "id": change.remote_id,
        "fields": {name: {"now": now, "then": then} for name, (now, then) in change.fields.items()},
    }


def _print(
    found: Plan, counts: dict[tuple[str, str, str], int], troubles: dict[str, str], changes: Iterator[Change]
) -> None:
    listed = 0
    for change in changes:
        listed += 1
        _print_change(change)
    total = sum(counts.values())
    if listed:
        click.echo("" if listed == total else f"... and {total - listed} more (--limit)\n")
    for (where, object_name, operation), n in counts.items():
        click.echo(f"{where}: {operation} {n} {object_name}")
    for where, calls in found.calls.items():
        click.echo(f"{where}: {calls} calls")
    if found.customers:
        click.echo(f"{found.customers} new customers")
    for where in found.skipped:
        click.echo(f"{where}: paused, not looked at; `crocevia plan --connection {where}` does", err=True)
    for where, why in troubles.items():
        click.echo(f"{where}: could not be looked at: {why}", err=True)
    if not counts and not troubles:
        click.echo("nothing would change")


_SIGNS = {"create": "+", "update": "~", "delete": "-", "send": ">", "link": "=", "review": "?"}


def _print_change(change: Change) -> None:
    ours = change.ours or ("" if change.operation == "review" else "a new customer")
    ids = ", ".join(part for part in (change.remote_id, ours) if part)
    click.echo(f"{_SIGNS.get(change.operation, '*')} {change.connection}: {change.operation} {change.object} ({ids})")
    for name, (now, then) in change.fields.items():
        before = "" if change.operation in ("create", "send", "review") else f"{_value(now)} -> "
        click.echo(f"    {name}: {before}{_value(then)}")


def _value(value: Any) -> str:
    """As JSON, without what could steer a terminal: customers write these values."""
    return _STEERING.sub("\ufffd", json.dumps(value, ensure_ascii=False))


_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
