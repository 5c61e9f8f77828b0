"""Plugins are loaded one by one: what is wrong with one is recorded and shown, the others run."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import frozen

from crocevia import Connector, hookimpl
from crocevia.plugins import Plugins, load_plugins

GOOD = """
from attrs import frozen
from crocevia import Connector, hookimpl

@frozen
class Settings:
    token: str

class {name}(Connector[Settings]):
    kind = "{kind}"
    def parse(self, raw, context):
        return ()

@hookimpl
def crocevia_register_connectors():
    return [{name}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, whose modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
    sys.modules.pop("crocevia_plugin", None)


def load(folder: Path, **modules: str) -> Plugins:
    """Write each module, and load them as entry points of their own names."""
    entries = []
    for name, code in modules.items():
        module = f"test_plugin_{name}"
        (folder / f"{module}.py").write_text(code)
        entries.append(EntryPoint(name, module, "crocevia"))
    return load_plugins(entry_points=entries)


def good(kind: str) -> str:
    """A plugin with one connector."""
    return GOOD.format(name="Good", kind=kind)


def shown(plugins: Plugins) -> list[tuple[str, str]]:
    """Which plugin failed at which stage."""
    return [(failure.plugin, failure.stage) for failure in plugins.failures]


def test_connectors_hooks_and_sources_are_told(folder: Path) -> None:
    """What was loaded, where it came from, and what it does."""
    plugins = load(folder, acme=good("acme_chat"))
    assert (list(plugins.connectors), plugins.failures) == (["acme_chat"], [])
    acme = plugins.names["acme"]
    assert (acme.source, acme.hooks, acme.connectors) == (
        "test_plugin_acme",
        ("crocevia_register_connectors",),
        ("acme_chat",),
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import not_installed_at_all", "ModuleNotFoundError: No module named 'not_installed_at_all'"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("raise BaseException('odd')", "BaseException: odd"),
        ("def broken(:", "SyntaxError"),
        ("class E(Exception): pass\nraise E('first\\nsecond')", "E: first)"),
    ],
)
def test_plugin_that_cannot_be_imported_is_recorded(folder: Path, code: str, says: str) -> None:
    """Whatever it raises, the others run, and the user is told what to do."""
    plugins = load(folder, bad=code, good=good("acme_chat"))
    assert (shown(plugins), list(plugins.connectors)) == ([("bad", "import")], ["acme_chat"])
    (failure,) = plugins.failures
    assert says in failure.message
    assert "uninstall" in failure.next_step


def test_missing_module_is_named_in_the_next_step(folder: Path) -> None:
    """An extra that was not installed is the commonest reason."""
    (failure,) = load(folder, bad="import not_installed_at_all").failures
    assert failure.next_step == "install not_installed_at_all, which it needs, or uninstall the plugin"


def test_keyboard_interrupt_at_import_passes(folder: Path) -> None:
    """Who presses Ctrl-C means the program, not the plugin."""
    with pytest.raises(KeyboardInterrupt):
        load(folder, bad="raise KeyboardInterrupt")


def test_entry_point_to_nothing_is_recorded() -> None:
    """A name that its module has not got."""
    plugins = load_plugins(entry_points=[EntryPoint("bad", "json:no_such_thing", "crocevia")])
    assert shown(plugins) == [("bad", "import")]


def test_second_plugin_of_a_name_is_recorded(folder: Path) -> None:
    """Pluggy would skip it in silence."""
    for module, kind in (("test_plugin_a", "a"), ("test_plugin_b", "b")):
        (folder / f"{module}.py").write_text(good(kind))
    entries = [EntryPoint("same", module, "crocevia") for module in ("test_plugin_b", "test_plugin_a")]
    plugins = load_plugins(entry_points=entries)
    assert (shown(plugins), list(plugins.connectors)) == ([("same", "name")], ["a"])
    assert plugins.failures[0].message == "test_plugin_b has the name that test_plugin_a has already"


def test_one_plugin_under_two_names_is_recorded(folder: Path) -> None:
    """Its hooks would be called twice."""
    (folder / "test_plugin_a.py").write_text(good("a"))
    plugins = load_plugins(entry_points=[EntryPoint(name, "test_plugin_a", "crocevia") for name in ("one", "two")])
    assert (shown(plugins), list(plugins.connectors)) == ([("two", "import")], ["a"])


def one(**hooks: Any) -> Plugins:
    """A plugin of these attributes, registered."""
    plugins = Plugins()
    plugins.add(SimpleNamespace(**hooks), "mine", "test")
    return plugins


def only_failure(plugins: Plugins) -> tuple[str, str]:
    """Message and next step of the one failure."""
    (failure,) = plugins.failures
    assert (failure.plugin, failure.stage) == ("mine", "hook")
    return failure.message, failure.next_step


def test_misspelled_hook_is_recorded_with_what_was_meant() -> None:
    """The plugin's other hooks work."""
    plugins = one(
        crocevia_translate_evnt=hookimpl(lambda event: None),
        crocevia_read_record=hookimpl(lambda values: {**values, "x": 1}),
    )
    assert only_failure(plugins) == (
        "crocevia_translate_evnt is no hook of Crocevia; this hook is left out",
        "did you mean crocevia_translate_event?",
    )
    context: dict[str, Any] = {"connection": "crm", "object": "Contact", "of": "profile"}
    assert plugins.dispatcher.fold("crocevia_read_record", {}, **context) == {"x": 1}


def test_hook_like_no_other_is_recorded() -> None:
    """Without anything near, the page of hooks is named."""
    message, step = only_failure(one(on_startup=hookimpl(lambda: None)))
    assert (message, step) == (
        "on_startup is no hook of Crocevia; this hook is left out",
        "docs/hooks.md lists them all",
    )


def test_forgotten_marker_is_recorded() -> None:
    """A function with a hook's name that is not marked would never be called."""

    def crocevia_register_connectors() -> list[Any]:
        return []

    message, step = only_failure(one(crocevia_register_connectors=crocevia_register_connectors))
    assert message == "crocevia_register_connectors is not marked; this hook is left out"
    assert "@hookimpl" in step


async def _async_impl(event: Any) -> None:
    """Not a way to write a hook."""


@pytest.mark.parametrize(
    ("impl", "says"),
    [
        (hookimpl(lambda evnt: None), "an argument 'evnt' that its hook does not give"),
        (hookimpl(lambda *events: None), "takes *events"),
        (hookimpl(lambda **context: None), "takes **context"),
        (hookimpl(_async_impl), "is async"),
        (hookimpl(hookwrapper=True)(lambda event: None), "old-style hookwrapper"),
    ],
    ids=["misspelled", "args", "kwargs", "async", "hookwrapper"],
)
def test_hook_that_cannot_be_called_is_recorded(impl: Any, says: str) -> None:
    """Found when it is loaded, not at the first customer's message."""
    message, _ = only_failure(one(crocevia_translate_event=impl))
    assert says in message


def test_misspelled_argument_is_recorded_with_what_was_meant() -> None:
    """And with what there is."""
    _, step = only_failure(one(crocevia_translate_event=hookimpl(lambda evnt: None)))
    assert step == "did you mean event? it may take event, raw"


def test_wrapper_of_an_announcement_is_recorded() -> None:
    """Each plugin is told on its own; there is no call to wrap."""

    def wrapper(sequence: int) -> Any:
        yield

    message, _ = only_failure(one(crocevia_profile_changed=hookimpl(wrapper=True)(wrapper)))
    assert "takes no wrapper" in message


def test_argument_with_a_default_and_keyword_only_are_right() -> None:
    """Python's ways of writing a function all work, where a name is all that is needed."""
    told: list[Any] = []

    def impl(sequence: int, *, survivor: str, cache: Any = told) -> None:
        cache.append((sequence, survivor))

    plugins = one(crocevia_profiles_merged=hookimpl(impl))
    event = {"sequence": 1, "at": None, "survivor": "p1", "merged": "p2", "reason": ""}
    plugins.dispatcher.announce("mine", "crocevia_profiles_merged", **event)
    assert (plugins.failures, told) == ([], [(1, "p1")])


def test_optional_hook_of_a_later_crocevia_is_no_failure() -> None:
    """A plugin may be ready for a newer core."""
    plugins = one(
        crocevia_score_profile=hookimpl(optionalhook=True)(lambda: None),
        crocevia_register_connectors=hookimpl(lambda: ()),
    )
    assert plugins.failures == []


def test_plugin_without_any_hook_is_recorded() -> None:
    """An entry point that leads to the wrong module says so."""
    assert only_failure(one(something=1))[0] == "test implements no hook"


@frozen
class Settings:
    """Of a connector."""

    token: str


class First(Connector[Settings]):
    """A connector."""

    kind = "same"

    def parse(self, raw: Any, context: Any) -> Any:
        """Nothing."""
        return ()


class Second(First):
    """Another one of the same kind."""


class Unfinished(Connector[Settings]):
    """Lacks parse."""

    kind = "unfinished"


class Nameless(First):
    """Has an empty kind."""

    kind = ""


class Plain(Connector[dict]):  # type: ignore[type-arg]  # wrong on purpose
    """Settings that are no attrs class."""

    kind = "plain"

    def parse(self, raw: Any, context: Any) -> Any:
        """Nothing."""
        return ()


def registering(plugins: Plugins, name: str, *connectors: Any) -> None:
    """A plugin that registers these."""
    plugins.add(SimpleNamespace(crocevia_register_connectors=hookimpl(lambda: connectors)), name, "test")


def test_second_connector_of_a_kind_is_recorded_and_the_first_stays() -> None:
    """Whoever was registered first."""
    plugins = Plugins()
    registering(plugins, "one", First)
    registering(plugins, "two", Second)
    plugins.collect_connectors()
    assert (dict(plugins.connectors), shown(plugins)) == ({"same": First}, [("two", "register")])
    assert "a second connector of kind 'same', which one gives already" in plugins.failures[0].message


@pytest.mark.parametrize(
    ("connector", "says"),
    [
        (42, "int is no class derived from Connector"),
        (Unfinished, "Unfinished lacks parse"),
        (Nameless, "Nameless has no `kind`"),
        (Plain, "Plain has settings that are no attrs class"),
    ],
)
def test_connector_that_is_wrong_is_recorded_and_its_sisters_work(connector: Any, says: str) -> None:
    """What is wrong is found when it is loaded."""
    plugins = Plugins()
    registering(plugins, "one", connector, First)
    plugins.collect_connectors()
    assert (dict(plugins.connectors), shown(plugins)) == ({"same": First}, [("one", "register")])
    assert says in plugins.failures[0].message


def test_registering_that_raises_is_recorded() -> None:
    """The plugin gives no connectors; the others do."""
    plugins = Plugins()
    registering(plugins, "one", First)
    plugins.add(SimpleNamespace(crocevia_register_connectors=hookimpl(lambda: 1 / 0)), "two", "test")
    plugins.collect_connectors()
    assert (dict(plugins.connectors), shown(plugins)) == ({"same": First}, [("two", "register")])
    assert "ZeroDivisionError" in plugins.failures[0].message


def test_file_beside_the_settings_is_a_plugin(folder: Path) -> None:
    """No packaging: the folder or the settings file itself leads to it."""
    (folder / "crocevia_plugin.py").write_text(good("own"))
    settings = folder / "crocevia.toml"
    settings.touch()
    for beside in (folder, settings):
        plugins = load_plugins(entry_points=[], beside=beside)
        assert (list(plugins.connectors), plugins.names["crocevia_plugin"].source) == (
            ["own"],
            str(folder / "crocevia_plugin.py"),
        )


def test_broken_file_beside_the_settings_is_recorded(folder: Path) -> None:
    """And leaves no half module behind."""
    (folder / "crocevia_plugin.py").write_text("x = 1\nraise SystemExit")
    plugins = load_plugins(entry_points=[], beside=folder)
    assert (shown(plugins), "crocevia_plugin" in sys.modules) == ([("crocevia_plugin", "import")], False)


def test_no_file_beside_the_settings_is_no_failure(folder: Path) -> None:
    """Most users have none."""
    assert load_plugins(entry_points=[], beside=folder).failures == []


def test_each_call_loads_anew() -> None:
    """There is no manager made at import."""
    assert load_plugins(entry_points=[]) is not load_plugins(entry_points=[])
