"""`crocevia check`: of each connection and mapped field, whether it is right, or what to do."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import click

from crocevia.cli.session import Session, pass_session
from crocevia.connector import Connector, Finding, ReadsRecords, ReceivesWebhooks, ServesVisitors, WritesRecords
from crocevia.errors import AuthError, ConfigError, RemoteError, RetryableError

if TYPE_CHECKING:
    from crocevia.config import Settings

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.argument("connections", nargs=-1, metavar="[CONNECTION]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each finding, for programs.")
@click.option("--quiet", "-q", is_flag=True, help="Only what is not well.")
@pass_session
def check(session: Session, connections: tuple[str, ...], *, as_json: bool, quiet: bool) -> None:
    """Look at the settings, the store, and every CONNECTION (all, unless some are named).

    Calls the vendors, harmlessly, and holds every mapped field against what the CRM describes. Each finding is a line:
    ok, warning (it works, but) or problem (it will not work), and what to do. The exit code is 1 when there is a
    problem.
    """
    counts: Counter[str] = Counter()
    for subject, finding in findings(session, connections):
        counts[finding.level] += 1
        if as_json:
            click.echo(json.dumps({"subject": subject, **attrs.asdict(finding)}))
        elif finding.level != "ok" or not quiet:
            level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
            click.echo(f"{level} {subject}: {finding.what}" + (f": {finding.do}" if finding.do else ""))
    if not as_json:
        click.echo(", ".join(_counted(counts[level], level) for level in ("problem", "warning", "ok")))
    if counts["problem"]:
        sys.exit(1)


def findings(session: Session, only: tuple[str, ...] = ()) -> Iterator[tuple[str, Finding]]:
    """Every finding with what it is about: `"plugins"`, `"settings"`, `"store"` or a connection's name."""
    from crocevia.cli.check_store import check_store

    for failure in session.plugins.failures:
        what = f"{failure.plugin} ({failure.stage})"
        yield "plugins", Finding(level="problem", what=what, do=f"{failure.message}. {failure.next_step}")
    try:
        settings = session.settings
    except ConfigError as error:
        for problem in error.problems:
            path, _, do = problem.partition(": ")
            yield "settings", Finding(level="problem", what=path, do=do)
        return
    if missing := [name for name in only if name not in settings.connections]:
        raise click.UsageError(
            f"No connection is called {missing[0]!r}, only {', '.join(settings.connections) or 'none'}."
        )
    yield "settings", Finding(level="ok", what=str(settings.path))
    for path in settings.in_plain_text:
        do = 'it stands in the file itself: use { env = "NAME" }, { file = "PATH" } or { keyring = "SERVICE/NAME" }'
        yield "settings", Finding(level="warning", what=path, do=do)
    engines = [name for _, (name, _) in session.plugins.collect("crocevia_register_engines")]
    if settings.core.engine not in engines:
        do = f"no engine {settings.core.engine!r} is installed, only {', '.join(engines)}"
        yield "settings", Finding(level="problem", what="crocevia.engine", do=do)
    if not settings.connections:
        do = "no connection is set up: `crocevia init` shows how each is written"
        yield "settings", Finding(level="warning", what="connections", do=do)
    for finding in check_store(settings.core.store):
        yield "store", finding
    for name in only or settings.connections:
        for finding in _connection(session, name):
            yield name, finding


def _connection(session: Session, name: str) -> Iterator[Finding]:
    """What the connector says of itself, then what core adds."""
    from crocevia.config import build_connector

    connection = session.settings.connections[name]
    troubled = False
    try:
        connector = build_connector(connection)
        for finding in connector.check():
            troubled = troubled or finding.level == "problem"
            yield finding
    except RemoteError as error:
        yield _unreachable(error)
        return
    except Exception as error:  # noqa: BLE001 - a connector may raise anything; the other connections are still looked at
        do = f"its check failed ({type(error).__name__}), which is the connector's fault: tell its author"
        yield Finding(level="problem", what=connection.kind, do=do)
        return
    if isinstance(connector, ReceivesWebhooks):
        yield _webhook(session.settings, name)
    if isinstance(connector, ServesVisitors):
        yield _visitors(session.settings, name)
    if isinstance(connector, ReadsRecords):
        yield from _mappings(session, name, connector, troubled=troubled)


def _visitors(settings: Settings, name: str) -> Finding:
    """Where customers' browsers and apps find it."""
    if settings.core.public_url is None:
        do = f"set public_url in [crocevia]: pages and apps call PUBLIC_URL/chat/{name}/"
        return Finding(level="warning", what="visitors", do=do)
    return Finding(level="ok", what=f"visitors at {settings.core.public_url}/chat/{name}/")


def _webhook(settings: Settings, name: str) -> Finding:
    public_url = settings.core.public_url
    others = settings.connections.values()
    if through := [other.name for other in others if name in other.options.webhooks_for]:
        return Finding(level="ok", what=f"webhooks come through {', '.join(through)}")
    if public_url is None:
        do = f"set public_url in [crocevia], and at the vendor the webhook URL PUBLIC_URL/hooks/{name}"
        return Finding(level="warning", what="webhooks", do=do)
    if public_url.startswith("http://"):
        do = f"{public_url}/hooks/{name} has no TLS, which vendors ask for: put a proxy with a certificate before it"
        return Finding(level="warning", what="webhooks", do=do)
    return Finding(level="ok", what=f"webhook URL, to be set at the vendor: {public_url}/hooks/{name}")


def _mappings(session: Session, name: str, connector: Connector[Any], *, troubled: bool) -> Iterator[Finding]:
    """Each mapped field against describe(). `troubled`: the connector has already said why it cannot be reached."""
    from crocevia.config import build_mappings
    from crocevia.mapping.check import check_mapping

    assert isinstance(connector, ReadsRecords)  # noqa: S101 - for the type checker; the caller has looked
    settings = session.settings
    connection = settings.connections[name]
    try:
        mappings = build_mappings(connection, connector, settings.fields)
    except ConfigError as error:
        for problem in error.problems:
            path, _, do = problem.partition(": ")
            yield Finding(level="problem", what=path, do=do)
        return
    writes = isinstance(connector, WritesRecords) and connection.options.writes
    for mapping in mappings:
        try:
            schema = connector.describe(mapping.object)
        except (AuthError, RetryableError) as error:
            if not troubled:
                yield _unreachable(error)
            return  # the other objects would be no nearer
        except RemoteError as error:
            yield Finding(level="problem", what=mapping.object, do=_unreachable(error).do)
            continue
        yield from check_mapping(mapping, schema, settings.fields, writes=writes)


def _unreachable(error: RemoteError) -> Finding:
    """What to do about a call that failed."""
    return Finding(level="problem", what="connection", do=f"{error}. Mend it, then run this again")


def _counted(count: int, level: str) -> str:
    return f"{count} {level}" + ("s" if count != 1 and level != "ok" else "")
