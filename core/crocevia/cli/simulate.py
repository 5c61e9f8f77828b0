"""`crocevia simulate`: simulated vendors that plugins ship."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from crocevia.cli.session import Session, pass_session


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_session
def simulate(session: Session, name: str | None, arguments: tuple[str, ...]) -> None:
    """Run the simulator NAME until it is told to stop; ARGUMENTS are its own (`--help` tells them).

    Without NAME, list the simulators that are installed.
    """
    found: dict[str, Callable[[Sequence[str]], int | None]] = {}
    for _, (key, run) in session.plugins.collect("crocevia_register_simulators"):
        found.setdefault(key, run)
    if name is None:
        click.echo("crocevia simulate NAME [ARGUMENTS]")
        for key in sorted(found):
            click.echo(f"  {key}")
        return
    if name not in found:
        raise click.UsageError(f"there is no simulator {name!r}; there are: {', '.join(sorted(found)) or 'none'}")
    raise click.exceptions.Exit(found[name](list(arguments)) or 0)
