"""The demo: a seeded day of a small company, played against the daemon by simulated neighbours.

It knows the connectors by their simulators' command lines and HTTP alone, as a stranger would.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from crocevia import hookimpl

__all__ = ["crocevia_register_commands"]


@hookimpl
def crocevia_register_commands() -> Iterable[click.Command]:
    """`crocevia demo`."""
    from crocevia_demo.command import demo  # noqa: PLC0415 - --help of other commands need not load it

    return [demo]
