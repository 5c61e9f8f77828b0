"""What commands share: plugins and settings, loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import define

if TYPE_CHECKING:
    from crocevia.config import Settings
    from crocevia.plugins import Plugins

BUILT_IN = ("crocevia.identity.normalise", "crocevia.identity.match", "crocevia.engine.embedded")
"""Core's own parts with hooks, which any plugin may answer before."""


@define(slots=False)  # cached properties live in the instance's dict
class Session:
    """One run of `crocevia`.

    Attributes:
        path: The file of settings; `crocevia_plugin.py` is looked for beside it.
    """

    path: Path

    @cached_property
    def plugins(self) -> Plugins:
        """Everything installed, and the file beside the settings; core's own rules last."""
        from importlib import import_module

        from crocevia.plugins import load_plugins

        return load_plugins(beside=self.path.absolute().parent, builtin=[import_module(module) for module in BUILT_IN])

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ConfigError with everything that is wrong."""
        from crocevia.config import load_settings

        return load_settings(self.path, self.plugins)

    def plugin_commands(self, taken: Collection[str]) -> dict[str, click.Command]:
        """The commands that plugins give, by name; what is wrong with one is among the plugins' failures."""
        found: dict[str, click.Command] = {}
        for plugin, command in self.plugins.collect("crocevia_register_commands"):
            if not isinstance(command, click.Command) or not command.name:
                message = f"{command!r} is no click command with a name; it is left out"
                self.plugins.fail(plugin, "register", message, "make it with @click.command()")
            elif command.name in taken or command.name in found:
                message = f"there is a command {command.name!r} already; this one is left out"
                self.plugins.fail(plugin, "register", message, "give it another name")
            else:
                found[command.name] = command
        return found


pass_session = click.make_pass_decorator(Session)
