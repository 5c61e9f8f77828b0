"""The plugin manager: pluggy's, with each hook of a plugin looked at before it is taken."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from types import FunctionType
from typing import Any

import pluggy
from attrs import frozen

from crocevia import hookspecs
from crocevia.plugins.dispatcher import Hook, Implementation
from crocevia.plugins.failure import PluginFailure

PROJECT = "crocevia"
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ANNOUNCED = ("_logged", "_changed", "_merged", "_raised")


@frozen
class _Verdict:
    """What is wrong with one hook implementation, and what to do."""

    message: str
    next_step: str


class Manager(pluggy.PluginManager):
    """Takes the hooks that are right and records the others, one by one, so that the rest of the plugin works.

    Attributes:
        specs: Every hook with the names of its arguments.
        failures: The hooks that were left out.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self.add_hookspecs(hookspecs)
        self.specs = {name: tuple(inspect.signature(getattr(hookspecs, name)).parameters) for name in _hook_names()}
        self.failures: list[PluginFailure] = []
        self._registering = ""
        self._last = False

    def take(self, plugin: object, name: str, *, last: bool = False) -> None:
        """Register a plugin under a name. `last`: its hooks come after everybody else's.

        Raises:
            ValueError: the name or the object is registered already.
        """
        self._registering, self._last = name, last
        self.register(plugin, name)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Say how an attribute of a plugin is registered as a hook; None: not at all (pluggy's extension point)."""
        options: Any = super().parse_hookimpl_opts(plugin, name)
        function = inspect.getattr_static(plugin, name, None)
        if options is None:
            if isinstance(function, FunctionType) and name.startswith("crocevia_"):
                self._leave_out(
                    name, _Verdict("is not marked", "put @hookimpl above it (`from crocevia import hookimpl`)")
                )
            return None
        hook = options.get("specname") or name
        if options.get("optionalhook") and hook not in self.specs:
            return None
        verdict = self._fault(hook, getattr(plugin, name), options)
        if verdict is not None:
            self._leave_out(hook, verdict)
            return None
        return {**options, "trylast": True, "tryfirst": False} if self._last else options

    def hooks(self) -> dict[str, Hook]:
        """Every hook with its implementations, in the order of calling."""
        return {name: self._hook(name, arguments) for name, arguments in self.specs.items()}

    def _hook(self, name: str, arguments: tuple[str, ...]) -> Hook:
        caller: pluggy.HookCaller = getattr(self.hook, name)
        functions: list[Implementation] = []
        wrappers: list[Implementation] = []
        for impl in reversed(caller.get_hookimpls()):  # pluggy calls from the end of its list
            taken = tuple(p for p in inspect.signature(impl.function).parameters if p in arguments)
            (wrappers if impl.wrapper else functions).append(Implementation(impl.plugin_name, impl.function, taken))
        return Hook(name, arguments, tuple(functions), tuple(wrappers))

    def _leave_out(self, hook: str, verdict: _Verdict) -> None:
        self.failures.append(
            PluginFailure(
                plugin=self._registering,
                stage="hook",
                message=f"{hook} {verdict.message}; this hook is left out",
                next_step=verdict.next_step,
            )
        )

    def _fault(self, hook: str, function: Any, options: dict[str, Any]) -> _Verdict | None:
        specs = self.specs
        if hook not in specs:
            near = get_close_matches(hook, specs, n=1)
            return _Verdict(
                "is no hook of Crocevia", f"did you mean {near[0]}?" if near else "docs/hooks.md lists them all"
            )
        if options.get("hookwrapper"):
            return _Verdict("is an old-style hookwrapper", "use @hookimpl(wrapper=True), which returns the result")
        if options.get("wrapper") and hook.endswith(_ANNOUNCED):
            return _Verdict("is announced to each plugin on its own and takes no wrapper", "make it a plain @hookimpl")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return _Verdict("is async", "make it a plain function: hooks are called on worker threads")
        return _argument_fault(function, specs[hook])


def _argument_fault(function: Any, allowed: tuple[str, ...]) -> _Verdict | None:
    takes = f"it may take {', '.join(allowed)}" if allowed else "it takes no arguments"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in _BY_NAME:
            return _Verdict(f"takes {str(parameter).split(':')[0]}, and hooks are called by name", takes)
        if parameter.name not in allowed and parameter.default is inspect.Parameter.empty:
            near = get_close_matches(parameter.name, allowed, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            return _Verdict(f"has an argument {parameter.name!r} that its hook does not give", hint + takes)
    return None


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("crocevia_")]
