"""Salesforce as a CRM: the connector, the package that it installs in an org, and a simulator of the org."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from crocevia import Connector, hookimpl
from crocevia.errors import PluginError

try:
    from crocevia_salesforce.connector import Salesforce
    from crocevia_salesforce.settings import Settings
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in ("simple_salesforce", "jwt", "phonenumbers"):
        raise
    raise PluginError(f"the Salesforce connector needs {missing}: install crocevia[salesforce]") from error

__all__ = [
    "Salesforce",
    "Settings",
    "crocevia_register_commands",
    "crocevia_register_connectors",
    "crocevia_register_simulators",
]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Settings]]]:
    """Kind `salesforce`."""
    return [Salesforce]


@hookimpl
def crocevia_register_commands() -> Iterable[click.Command]:
    """`crocevia salesforce`."""
    from crocevia_salesforce.command import salesforce  # noqa: PLC0415 - other commands need not load it

    return [salesforce]


@hookimpl
def crocevia_register_simulators() -> Mapping[str, Callable[[Sequence[str]], int | None]]:
    """A simulated org."""
    return {"salesforce": _simulate}


def _simulate(arguments: Sequence[str]) -> None:
    from crocevia_salesforce.simulator.__main__ import main  # noqa: PLC0415 - a daemon never needs the simulator

    main(arguments)
