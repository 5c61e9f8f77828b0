"""A group of commands that imports only the one that is run, and tells errors without tracebacks."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from crocevia.cli.session import Session
from crocevia.errors import ConfigError, CroceviaError


class Commands(click.Group):
    """Core's commands by a table, then those of plugins.

    Args:
        table: `{name: ("module:attribute", short help)}`.
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Core's commands, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command of core's, or ask the plugins for it."""
        if cmd_name in self._table:
            module, _, name = self._table[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        session = ctx.obj if isinstance(ctx.obj, Session) else Session(ctx.params["path"])
        return session.plugin_commands(self._table).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with what was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            found = get_close_matches(args[0], self._table, n=1)
            if not found or "Did you mean" in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {found[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table: `--help` imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self._table.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Crocevia's own errors become a text and an exit code."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"The settings are wrong ({len(error.problems)}):", err=True)
            for problem in error.problems:
                click.echo(f"  {problem}", err=True)
            ctx.exit(2)
        except CroceviaError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)
