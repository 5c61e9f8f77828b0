"""Plugins: how they are found and loaded one by one, and how their hooks are called."""

from crocevia.plugins.dispatcher import Dispatcher
from crocevia.plugins.failure import Failures, HookFailure, PluginFailure
from crocevia.plugins.loader import Plugin, Plugins, load_plugins

__all__ = [
    "Dispatcher",
    "Failures",
    "HookFailure",
    "Plugin",
    "PluginFailure",
    "Plugins",
    "load_plugins",
]
