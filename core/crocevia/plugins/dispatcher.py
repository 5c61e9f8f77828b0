"""The dispatcher: four ways of calling hooks, one per verb.

pluggy gives every implementation the same input and stops at the first exception. Here each way of calling isolates
plugins from each other: what fails is recorded and left out, the rest goes on. Order is pluggy's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from crocevia.errors import PluginError
from crocevia.model import Event, Ignored
from crocevia.plugins import answer
from crocevia.plugins.failure import Failures

T = TypeVar("T")
_CAUGHT = (Exception, SystemExit)  # a plugin that calls sys.exit() must not end the daemon


@frozen
class Implementation:
    """One function of one plugin; `arguments` are the names it takes."""

    plugin: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    def __call__(self, given: Mapping[str, Any]) -> Any:
        """Call it with those of the given arguments that it takes."""
        return self.function(**{name: given[name] for name in self.arguments})


@frozen
class Hook:
    """One hook as it is called: the arguments of its spec, and what implements it, in the order of calling."""

    name: str
    arguments: tuple[str, ...]
    functions: tuple[Implementation, ...] = ()
    wrappers: tuple[Implementation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.functions or self.wrappers)

    @property
    def subject(self) -> str:
        """Name of the argument that is folded or decided."""
        return self.arguments[0]

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call. Raises TypeError when the caller, not a plugin, has got them wrong."""
        if len(given) != len(self.arguments) or any(name not in given for name in self.arguments):
            raise TypeError(f"{self.name} is called with {', '.join(self.arguments)}, not with {', '.join(given)}")
        return dict(given)


class Dispatcher:
    """Calls hooks. Thread-safe.

    Args:
        hooks: By name, every hook there is, implementations in the order of calling.
        failures: Where failing implementations are recorded.
    """

    def __init__(self, hooks: Mapping[str, Hook], failures: Failures) -> None:
        self._hooks = dict(hooks)
        self.failures = failures

    def replace(self, hooks: Mapping[str, Hook]) -> None:
        """Call these from now on; a call under way ends with what it began with."""
        self._hooks = dict(hooks)

    def has(self, hook: str) -> bool:
        """Whether anybody implements `hook`; callers skip building its arguments when nobody does."""
        return bool(self._hooks[hook])

    def register(self, hook: str, failed: Callable[[str, BaseException], None] | None = None) -> list[tuple[str, Any]]:
        """Collect what every plugin registers, one pair `(plugin, item)` for each item.

        Args:
            hook: Its name.
            failed: Told of each plugin that failed and of its error, besides the record.
        """

        def collect() -> list[tuple[str, Any]]:
            found: list[tuple[str, Any]] = []
            for impl in called.functions:
                try:
                    found.extend((impl.plugin, item) for item in answer.collected(impl({})))
                except _CAUGHT as error:
                    self.failures.record(impl.plugin, hook, error)
                    if failed is not None:
                        failed(impl.plugin, error)
            return found

        called = self._hooks[hook]
        return self._wrapped(called, {}, collect, list)

    def translate(self, hook: str, item: Event, **context: Any) -> list[Event]:
        """Fold one event through every plugin; what is dropped comes out as Ignored, with the plugin's name."""
        called = self._hooks[hook]
        if not called:
            return [item]
        arguments = called.complete({called.subject: item, **context})
        return self._wrapped(
            called,
            arguments,
            lambda: self._translated(called, arguments),
            lambda given: answer.events(given, item.leaf),
        )

    def _translated(self, hook: Hook, arguments: dict[str, Any]) -> list[Event]:
        item: Event = arguments[hook.subject]
        going, dropped = [item], list[Event]()
        for impl in hook.functions:
            made: list[Event] = []
            for event in going:
                try:
                    given = impl({**arguments, hook.subject: event})
                    after = [event] if given is None else answer.events(given, item.leaf)
                except _CAUGHT as error:
                    self.failures.record(impl.plugin, hook.name, error)
                    after = [event]
                made.extend(after)
                if not after:
                    dropped.append(Ignored(reason=f"dropped by plugin {impl.plugin}", leaf=item.leaf))
            going = made
        return [*going, *dropped]

    def fold(self, hook: str, values: Mapping[str, Any], **context: Any) -> dict[str, Any]:
        """Fold a record's values through every plugin. Each gets a copy: a change in place counts for nothing."""
        called = self._hooks[hook]
        if not called:
            return dict(values)
        arguments = called.complete({called.subject: dict(values), **context})

        def folded() -> dict[str, Any]:
            going = dict(values)
            for impl in called.functions:
                try:
                    given = impl({**arguments, called.subject: dict(going)})
                    going = going if given is None else answer.values(given)
                except _CAUGHT as error:
                    self.failures.record(impl.plugin, hook, error)
            return going

        return self._wrapped(called, arguments, folded, answer.values)

    def decide(self, hook: str, items: Sequence[Any], **context: Any) -> list[Any]:
        """Ask about a batch; the first answer that is not None stands, the undecided are handed on.

        Returns one entry for each item, same order; None where nobody decided.
        """
        called = self._hooks[hook]
        if not called or not items:
            return [None] * len(items)
        arguments = called.complete({called.subject: tuple(items), **context})

        def decided() -> list[Any]:
            verdicts: list[Any] = [None] * len(items)
            open_ = list(range(len(items)))
            for impl in called.functions:
                asked = tuple(items[index] for index in open_)
                try:
                    given = impl({**arguments, called.subject: asked})
                    if given is None:  # no opinion on any of them
                        continue
                    given = answer.decisions(hook, given, len(asked))
                except _CAUGHT as error:
                    self.failures.record(impl.plugin, hook, error)
                    continue
                for index, verdict in zip(open_, given, strict=True):
                    verdicts[index] = verdict
                open_ = [index for index in open_ if verdicts[index] is None]
                if not open_:
                    break
            return verdicts

        return self._wrapped(called, arguments, decided, lambda given: answer.decisions(hook, given, len(items)))

    def listeners(self, hook: str) -> list[str]:
        """The plugins that are told of `hook`, each once; each has a cursor of its own."""
        return list(dict.fromkeys(impl.plugin for impl in self._hooks[hook].functions))

    def announce(self, plugin: str, hook: str, **event: Any) -> None:
        """Tell one plugin of one event.

        Raises:
            PluginError: it failed (chained to why), or is not there any more. The caller tells it again.
        """
        arguments = self._hooks[hook].complete(event)
        impls = [impl for impl in self._hooks[hook].functions if impl.plugin == plugin]
        if not impls:
            raise PluginError(f"plugin {plugin} does not listen to {hook}: it was removed or failed to load")
        for impl in impls:
            try:
                impl(arguments)
            except _CAUGHT as error:
                failure = self.failures.record(plugin, hook, error)
                at = f" at {failure.where}" if failure.where else ""
                raise PluginError(f"plugin {plugin} failed in {hook} ({failure.error}{at})") from error

    def _wrapped(
        self,
        hook: Hook,
        arguments: Mapping[str, Any],
        inner: Callable[[], T],
        checked: Callable[[Any], T],
        depth: int = 0,
    ) -> T:
        """Run `inner` inside the wrappers, the first one outermost. A wrapper that fails is as if it were not there."""
        if depth == len(hook.wrappers):
            return inner()
        wrapper = hook.wrappers[depth]
        try:
            turn: Generator[None, T, Any] = wrapper(arguments)
            next(turn)
        except (*_CAUGHT, StopIteration) as error:
            self.failures.record(wrapper.plugin, hook.name, error)
            return self._wrapped(hook, arguments, inner, checked, depth + 1)
        result = self._wrapped(hook, arguments, inner, checked, depth + 1)
        try:
            turn.send(copy.copy(result))
            turn.close()
            raise answer.NonsenseError("a wrapper yields once")
        except StopIteration as end:
            given = end.value
        except _CAUGHT as error:
            self.failures.record(wrapper.plugin, hook.name, error)
            return result
        try:
            return checked(given)
        except _CAUGHT as error:
            self.failures.record(wrapper.plugin, hook.name, error)
            return result
