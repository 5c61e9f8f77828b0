"""`crocevia plugins`: what was loaded, and what was left out."""

from __future__ import annotations

import json

import attrs
import click

from crocevia.cli.session import Session, pass_session
from crocevia.plugins import Plugin, Plugins

_PAIR = ("crocevia_map_record", "crocevia_read_record")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@pass_session
def plugins(session: Session, *, as_json: bool) -> None:
    """List the plugins with their hooks, connectors and commands; then what failed to load, and what to do."""
    from crocevia.cli import COMMANDS

    loaded = session.plugins
    commands = sorted(session.plugin_commands(COMMANDS))
    if as_json:
        found = {
            "plugins": [attrs.asdict(plugin) for plugin in loaded.names.values()],
            "commands": commands,
            "failures": [attrs.asdict(failure) for failure in loaded.failures],
            "notes": notes(loaded),
        }
        click.echo(json.dumps(found, indent=2))
        return
    for plugin in loaded.names.values():
        _show(plugin)
    if commands:
        click.echo(f"Commands of plugins: {', '.join(commands)}")
    for note in notes(loaded):
        click.secho(f"Note: {note}", fg="yellow")
    if loaded.failures:
        click.secho(f"Failed ({len(loaded.failures)}):", fg="red", bold=True)
    for failure in loaded.failures:
        click.echo(f"  {failure}")


def _show(plugin: Plugin) -> None:
    click.echo(f"{click.style(plugin.name, bold=True)}  ({plugin.source})")
    if plugin.connectors:
        click.echo(f"  connectors: {', '.join(plugin.connectors)}")
    click.echo(f"  hooks: {', '.join(hook.removeprefix('crocevia_') for hook in plugin.hooks) or 'none'}")


def notes(loaded: Plugins) -> list[str]:
    """What works, and may surprise."""
    return [
        f"{plugin.name} has {has} without {lacks}: the fields it changes are "
        + ("written and never read back" if has == _PAIR[0] else "read changed and never written so")
        for plugin in loaded.names.values()
        for has, lacks in (_PAIR, _PAIR[::-1])
        if has in plugin.hooks and lacks not in plugin.hooks
    ]
