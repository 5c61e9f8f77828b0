"""Find plugins, load them one by one, and say what became of each."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import attrs
from attrs import frozen

from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.connector import Connector
from crocevia.plugins.dispatcher import Dispatcher
from crocevia.plugins.failure import Failures, PluginFailure
from crocevia.plugins.manager import PROJECT, Manager

BESIDE = "crocevia_plugin"


@frozen(kw_only=True)
class Plugin:
    """One plugin that was loaded.

    Attributes:
        name: That of its entry point, `"crocevia_plugin"` for the file beside the settings, or a part of core.
        source: Distribution and version (`"crocevia 0.1.0"`), or the file; `"built in"` for core's own.
        hooks: What it implements.
        connectors: The kinds it gives.
    """

    name: str
    source: str
    hooks: tuple[str, ...]
    connectors: tuple[str, ...] = ()


class Plugins:
    """What was loaded, what was not, and the way to call it.

    Attributes:
        dispatcher: Calls the hooks.
        failures: What was left out, in the order in which it was found.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.failures: list[PluginFailure] = []
        self._manager = Manager()
        self._sources: dict[str, str] = {}
        self._connectors: dict[str, tuple[str, type[Connector[Any]]]] = {}
        self.dispatcher = Dispatcher(self._manager.hooks(), Failures(clock))

    @property
    def connectors(self) -> Mapping[str, type[Connector[Any]]]:
        """The connector classes, by kind."""
        return MappingProxyType({kind: connector for kind, (_, connector) in sorted(self._connectors.items())})

    @property
    def names(self) -> Mapping[str, Plugin]:
        """The plugins that were loaded, by name, in the order of registration."""
        hooks = self._manager.hooks().values()
        return {
            name: Plugin(
                name=name,
                source=source,
                hooks=tuple(h.name for h in hooks if any(i.plugin == name for i in (*h.functions, *h.wrappers))),
                connectors=tuple(kind for kind, (giver, _) in self._connectors.items() if giver == name),
            )
            for name, source in self._sources.items()
        }

    def add(self, plugin: object, name: str, source: str, *, last: bool = False) -> None:
        """Take one plugin's hooks; what is wrong with it becomes a failure.

        Args:
            plugin: A module or an object with functions marked `@hookimpl`.
            name: Unique; a second one of the same name is left out.
            source: Where it came from, as shown.
            last: Its hooks come after everybody else's (core's own rules).
        """
        if name in self._sources:
            self.fail(
                name, "name", f"{source} has the name that {self._sources[name]} has already", "rename one of them"
            )
            return
        found = len(self._manager.failures)
        try:
            self._manager.take(plugin, name, last=last)
        except Exception as error:  # noqa: BLE001 - whatever pluggy or the plugin's own attributes raise
            self.fail(name, "import", f"{source} cannot be registered ({_said(error)})", "mend it or uninstall it")
            return
        self._sources[name] = source
        faults = self._manager.failures[found:]
        self.failures.extend(faults)
        self.dispatcher.replace(self._manager.hooks())
        if not faults and not self.names[name].hooks:
            self.fail(
                name, "hook", f"{source} implements no hook", "mark its functions with @hookimpl, or uninstall it"
            )

    def add_builtin(self, plugin: object, name: str | None = None) -> None:
        """Take a part of core as a plugin; its hooks come after everybody else's, so that anybody may answer first."""
        self.add(plugin, name or _name_of(plugin), "built in", last=True)

    def fail(self, plugin: str, stage: str, message: str, next_step: str) -> None:
        """Record what was left out."""
        self.failures.append(PluginFailure(plugin=plugin, stage=stage, message=message, next_step=next_step))

    def collect(self, hook: str) -> list[tuple[str, Any]]:
        """What the plugins register through `hook`, the first registered plugin first; who fails is recorded."""
        found = self.dispatcher.register(
            hook, lambda name, error: self.fail(name, "register", f"{hook} failed ({_said(error)})", "mend the plugin")
        )
        place = list(self._sources)
        return sorted(found, key=lambda pair: place.index(pair[0]))

    def collect_connectors(self) -> None:
        """Ask every plugin for its connectors; those that are wrong, or of a kind that is taken, are left out."""
        self._connectors.clear()
        for plugin, connector in self.collect("crocevia_register_connectors"):
            fault = _connector_fault(connector)
            if fault is not None:
                self.fail(plugin, "register", f"{_name_of(connector)} {fault}; it is left out", "mend the connector")
                continue
            taken = self._connectors.setdefault(connector.kind, (plugin, connector))
            if taken[1] is not connector or taken[0] != plugin:
                message = (
                    f"a second connector of kind {connector.kind!r}, which {taken[0]} gives already; it is left out"
                )
                self.fail(plugin, "register", message, "give it another kind, or uninstall one of the two")


def load_plugins(
    *,
    entry_points: Iterable[metadata.EntryPoint] | None = None,
    beside: Path | None = None,
    builtin: Iterable[object] = (),
    clock: Clock = SYSTEM_CLOCK,
) -> Plugins:
    """Load every plugin that can be loaded. Nothing that a plugin does wrong is raised.

    Args:
        entry_points: None: those of group `crocevia` of everything installed.
        beside: The folder of `crocevia.toml` (or the file itself): a `crocevia_plugin.py` there is a plugin too.
        builtin: Parts of core with hooks of their own.
        clock: Stamps the failures of hooks.
    """
    plugins = Plugins(clock)
    for part in builtin:
        plugins.add_builtin(part)
    found = metadata.entry_points(group=PROJECT) if entry_points is None else entry_points
    for entry in sorted(found, key=lambda entry: (entry.name, entry.value)):
        _load(plugins, entry.name, _source(entry), entry.load)
    if beside is not None:
        path = (beside.parent if beside.is_file() else beside) / f"{BESIDE}.py"
        if path.is_file():
            _load(plugins, BESIDE, str(path), lambda: _module(path))
    plugins.collect_connectors()
    return plugins


def _load(plugins: Plugins, name: str, source: str, load: Callable[[], Any]) -> None:
    try:
        plugin = load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a sys.exit() at import must not end the daemon
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        step = f"install {missing}, which it needs, or uninstall the plugin" if missing else "mend it or uninstall it"
        plugins.fail(name, "import", f"{source} cannot be imported ({_said(error)})", step)
        return
    plugins.add(plugin, name, source)


def _module(path: Path) -> ModuleType:
    """Run the file as a module of its own name, known to `sys.modules` so that annotations resolve."""
    spec = importlib.util.spec_from_file_location(BESIDE, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[BESIDE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[BESIDE]
        raise
    return module


def _connector_fault(connector: Any) -> str | None:
    if not isinstance(connector, type) or not issubclass(connector, Connector):
        return "is no class derived from Connector"
    if not isinstance(getattr(connector, "kind", None), str) or not connector.kind:
        return "has no `kind`"
    if inspect.isabstract(connector):
        return f"lacks {', '.join(sorted(connector.__abstractmethods__))}"
    try:
        settings = connector.settings_type()
    except TypeError as error:
        return f"is wrong: {error}"
    return None if attrs.has(settings) else f"has settings that are no attrs class: {settings!r}"


def _source(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value


def _name_of(thing: Any) -> str:
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def _said(error: BaseException) -> str:
    """The error's type and the first line of its text."""
    text = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
