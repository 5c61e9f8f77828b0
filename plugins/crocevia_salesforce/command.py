"""`crocevia salesforce`: what an org needs before Crocevia can work with it."""

from __future__ import annotations

import sys
from typing import Any

import click

from crocevia import Finding
from crocevia.errors import RemoteError
from crocevia_salesforce.connector import Salesforce
from crocevia_salesforce.package import DEPLOY, FOLDER

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.group()
def salesforce() -> None:
    """Salesforce: the package that an org is given."""


@salesforce.command()
@click.argument("connection", required=False)
@click.pass_context
def setup(context: click.Context, connection: str | None) -> None:
    """Hold an org against the package, field by field, and say how it is deployed.

    CONNECTION is one of the settings; it may be left out where there is one of Salesforce alone. Nothing is changed.
    The exit code is 1 where something is missing.
    """
    click.echo(f"The package: {FOLDER}")
    click.echo(f"  in that folder: {DEPLOY} --target-org ALIAS")
    click.echo("  then: sf org assign permset --name Crocevia --target-org ALIAS --on-behalf-of INTEGRATION_USER")
    levels = set()
    for finding in _found(_chosen(context.obj.settings.connections, connection)):
        levels.add(finding.level)
        level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
        click.echo(f"{level} {finding.what}" + (f": {finding.do}" if finding.do else ""))
    if "problem" in levels:
        sys.exit(1)


def _chosen(connections: Any, name: str | None) -> Salesforce:
    """The connector of the connection that is meant. Raises UsageError: there is none, or several."""
    ours = {key: found for key, found in connections.items() if found.kind == Salesforce.kind}
    if name is None and len(ours) == 1:
        name = next(iter(ours))
    if name not in ours:
        raise click.UsageError(f"name one of the connections to Salesforce: {', '.join(ours) or 'there is none'}")
    return Salesforce(ours[name].settings, connection=name)


def _found(connector: Salesforce) -> list[Finding]:
    try:
        return list(connector.compare_package())
    except RemoteError as error:
        return [Finding(level="problem", what="connection", do=str(error))]
