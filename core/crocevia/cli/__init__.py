"""The `crocevia` command. Each subcommand is one module, imported when it is run.

Exit codes: 0 all is well; 1 what was looked at or done is not well; 2 the command or the settings are wrong
(of `plan`, 2: something would change).
"""

from __future__ import annotations

from pathlib import Path

import click

from crocevia import __version__
from crocevia.cli.group import Commands
from crocevia.cli.session import Session

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("crocevia.cli.init:init", "Write a commented crocevia.toml for the connectors that are installed."),
    "run": ("crocevia.cli.run:run", "Run the daemon until it is told to stop."),
    "check": (
        "crocevia.cli.check:check",
        "Say of each connection and mapped field whether it is right, or what to do.",
    ),
    "plugins": ("crocevia.cli.plugins:plugins", "List plugins, their hooks and connectors, and what failed to load."),
    "status": ("crocevia.cli.status:status", "Tell of each connection its health, its lag and its books."),
    "show": ("crocevia.cli.show:show", "Show a customer by address: profile, records and the one timeline."),
    "media": ("crocevia.cli.media:media", "List the files of an interaction, or fetch one."),
    "why": ("crocevia.cli.why:why", "Say why a field of a customer holds its value."),
    "review": ("crocevia.cli.review:review", "Show and decide what waits for a person."),
    "merge": ("crocevia.cli.merge:merge", "Make two profiles one customer; says first what would become of each."),
    "unmerge": ("crocevia.cli.merge:unmerge", "Take a merge back: two customers after all."),
    "pause": ("crocevia.cli.pause:pause", "Stop calling one vendor; what is to be done is kept."),
    "resume": ("crocevia.cli.pause:resume", "Go on with a connection after a pause."),
    "plan": ("crocevia.cli.plan:plan", "Say what the daemon would change where, field by field, and do none of it."),
    "audit": ("crocevia.cli.audit:audit", "Hold what the CRMs hold against what they should, and the books."),
    "backfill": (
        "crocevia.cli.backfill:backfill",
        "Ask for records of what was there before a CRM was added, or its mapping.",
    ),
    "dead": ("crocevia.cli.dead:dead", "List, show and replay what could not be processed."),
    "simulate": ("crocevia.cli.simulate:simulate", "Run a simulated vendor: a server to try a connector against."),
    "translate": ("crocevia.cli.translate:translate", "Print what Crocevia makes of raw vendor input."),
}
"""Name -> where it is and what it does, in the order of `--help`. One line adds a command."""


@click.group(
    cls=Commands,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "Plugins may give more commands: `crocevia plugins` lists them. "
        "Exit codes: 0 all is well; 1 something is not, and was said; 2 the command or the settings are wrong "
        "(of `plan`: something would change)."
    ),
)
@click.option(
    "--settings",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="crocevia.toml",
    envvar="CROCEVIA_SETTINGS",
    show_default=True,
    show_envvar=True,
    help="The file of settings.",
)
@click.version_option(__version__, prog_name="crocevia")
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """Keep customer channels and CRMs in step, both ways."""
    context.obj = Session(path)


__all__ = ["COMMANDS", "main"]
