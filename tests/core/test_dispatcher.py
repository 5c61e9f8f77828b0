"""The four ways of calling: order, folding, batches, isolation, wrappers."""

import threading
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve

from crocevia import (
    Chosen,
    Conflict,
    ContactPoint,
    Event,
    Ignored,
    InteractionSeen,
    Message,
    Party,
    Raw,
    Unrecognised,
    hookimpl,
)
from crocevia.errors import PluginError
from crocevia.plugins import Dispatcher, Plugins

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RAW = Raw(connection="acme", kind="acme_chat", body=b"{}", received_at=AT)
SEEN = InteractionSeen(key="m1", author=Party(), at=AT, text="hello", leaf="/messages/0")
CONFLICT = Conflict(
    profile="p1",
    connection="crm",
    object="Contact",
    field="family_name",
    policy="latest",
    base="A",
    ours="B",
    theirs="C",
)
MERGED = {"sequence": 7, "at": AT, "survivor": "p1", "merged": "p2", "reason": "same phone"}


def plugins(**named: Any) -> Plugins:
    """Plugins registered in this order; each is a dict of functions by hook name."""
    loaded = Plugins()
    for name, hooks in named.items():
        loaded.add(SimpleNamespace(**hooks), name, "test")
    assert loaded.failures == []
    return loaded


def dispatcher(**named: Any) -> Dispatcher:
    """The dispatcher of `plugins(...)`."""
    return plugins(**named).dispatcher


def failed(called: Dispatcher) -> list[tuple[str, str]]:
    """Which plugin failed how, oldest first."""
    return [(failure.plugin, failure.error) for failure in called.failures.recent()]


def translate(mark: str, **options: Any) -> dict[str, Any]:
    """A plugin that adds its mark to the text."""

    def crocevia_translate_event(event: Event) -> Event | None:
        return evolve(event, text=f"{event.text}{mark}") if isinstance(event, InteractionSeen) else None

    return {"crocevia_translate_event": hookimpl(**options)(crocevia_translate_event)}


def answering(hook: str, answer: Any, **options: Any) -> dict[str, Any]:
    """A plugin whose `hook` returns `answer`, or raises it, whatever it is asked."""

    def function() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return {hook: hookimpl(**options)(function)}


# --- order ----------------------------------------------------------------------------------------------------------


def test_last_registered_is_called_first() -> None:
    """The order is pluggy's."""
    called = dispatcher(one=translate("1"), two=translate("2"), three=translate("3"))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="hello321")]


def test_tryfirst_and_trylast_move_a_plugin() -> None:
    """A plugin says itself where it wants to stand."""
    called = dispatcher(one=translate("1", tryfirst=True), two=translate("2"), three=translate("3", trylast=True))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="hello123")]


def test_core_comes_last_even_when_it_comes_later() -> None:
    """What core registers itself is asked after everybody, trylast plugins included."""
    loaded = plugins(one=translate("1", trylast=True), two=translate("2"))
    loaded.add_builtin(SimpleNamespace(**translate("core")), "rules")
    assert loaded.dispatcher.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="hello21core")]


# --- register -------------------------------------------------------------------------------------------------------


def test_register_collects_items_and_leaves_out_who_fails() -> None:
    """Each item comes with its plugin; a generator that breaks off gives nothing at all."""

    def broken() -> Generator[str, None, None]:
        yield "half"
        raise ValueError("private")

    hook = "crocevia_register_commands"
    called = dispatcher(
        one=answering(hook, ["a", "b"]),
        two={hook: hookimpl(broken)},
        three=answering(hook, None),
        four=answering(hook, "text"),
        five=answering(hook, SystemExit(3)),
    )
    assert called.register(hook) == [("one", "a"), ("one", "b")]
    assert failed(called) == [("five", "SystemExit"), ("four", "NonsenseError"), ("two", "ValueError")]


def test_register_gives_pairs_of_a_mapping() -> None:
    """Engines come by name."""
    called = dispatcher(one=answering("crocevia_register_engines", {"procrastinate": len}))
    assert called.register("crocevia_register_engines") == [("one", ("procrastinate", len))]


# --- translate ------------------------------------------------------------------------------------------------------


def test_event_without_plugins_is_the_very_same() -> None:
    """Nobody listens: nothing is copied, nothing is called."""
    called = dispatcher()
    (event,) = called.translate("crocevia_translate_event", SEEN, raw=RAW)
    assert (event is SEEN, called.has("crocevia_translate_event")) == (True, False)


def test_none_leaves_an_event_as_it_is() -> None:
    """A plugin that looks at other events need not hand them back."""
    called = dispatcher(one=answering("crocevia_translate_event", None), two=translate("2"))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="hello2")]


def test_dropped_event_stays_in_the_books_with_the_plugins_name() -> None:
    """An empty list drops; the leaf is accounted for, and later plugins do not see it."""
    called = dispatcher(one=translate("1"), spam=answering("crocevia_translate_event", []))
    expected = [Ignored(reason="dropped by plugin spam", leaf="/messages/0")]
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == expected


def test_split_events_go_on_one_by_one() -> None:
    """The next plugin gets each of them, and each keeps the leaf that it was made from."""

    @hookimpl
    def split(event: Event) -> list[Event]:
        return [evolve(SEEN, part="a", leaf="elsewhere"), evolve(SEEN, part="b", leaf="")]

    called = dispatcher(one=translate("1"), two={"crocevia_translate_event": split})
    expected = [evolve(SEEN, part="a", text="hello1"), evolve(SEEN, part="b", text="hello1")]
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == expected


def test_unrecognised_can_be_recognised_by_a_plugin() -> None:
    """What a connector did not understand comes by too."""
    called = dispatcher(one=answering("crocevia_translate_event", SEEN))
    assert called.translate("crocevia_translate_event", Unrecognised(what="type 'x'", leaf="/0"), raw=RAW) == [
        evolve(SEEN, leaf="/0")
    ]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (RuntimeError("hello"), "RuntimeError"),
        (SystemExit(1), "SystemExit"),
        ("text", "NonsenseError"),
        (42, "NonsenseError"),
        ([SEEN, None], "NonsenseError"),
        ([SEEN, SEEN], "NonsenseError"),
    ],
    ids=repr,
)
def test_failing_translation_is_skipped_for_that_event(answer: Any, error: str) -> None:
    """An exception, a wrong type, two events with one key: recorded, and the event goes on as it was."""
    called = dispatcher(one=translate("1"), bad=answering("crocevia_translate_event", answer), two=translate("2"))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="hello21")]
    assert failed(called) == [("bad", error)]


def test_keyboard_interrupt_passes() -> None:
    """Who stops the program is not a failing plugin."""
    called = dispatcher(one=answering("crocevia_translate_event", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        called.translate("crocevia_translate_event", SEEN, raw=RAW)


# --- fold -----------------------------------------------------------------------------------------------------------

CONTEXT: dict[str, Any] = {"connection": "crm", "object": "Contact", "of": "profile"}


def test_values_are_folded_through_every_plugin() -> None:
    """Each gets what the one before it made; what was handed in stays as it was."""

    @hookimpl
    def upper(values: dict[str, Any]) -> dict[str, Any]:
        return {name: value.upper() for name, value in values.items()}

    @hookimpl
    def add(values: dict[str, Any], connection: str) -> dict[str, Any]:
        values["From"] = connection
        return values

    called = dispatcher(one={"crocevia_read_record": upper}, two={"crocevia_read_record": add})
    given = {"Name": "Ada"}
    assert called.fold("crocevia_read_record", given, **CONTEXT) == {"Name": "ADA", "From": "CRM"}
    assert given == {"Name": "Ada"}


@pytest.mark.parametrize("answer", [ValueError("x"), ["Name"], {1: "x"}], ids=repr)
def test_failing_fold_leaves_values_as_they_were(answer: Any) -> None:
    """Also when the plugin had changed its copy before it failed."""

    @hookimpl
    def spoil(values: dict[str, Any]) -> Any:
        values.clear()
        if isinstance(answer, Exception):
            raise answer
        return answer

    called = dispatcher(bad={"crocevia_read_record": spoil})
    assert called.fold("crocevia_read_record", {"Name": "Ada"}, **CONTEXT) == {"Name": "Ada"}
    assert [plugin for plugin, _ in failed(called)] == ["bad"]


# --- decide ---------------------------------------------------------------------------------------------------------


def point(value: str, kind: str = "phone") -> ContactPoint:
    """A contact point."""
    return ContactPoint(kind, "", value)


def test_undecided_items_alone_are_handed_on() -> None:
    """The first answer stands; the next plugin is asked about the rest, in one batch, in order."""
    asked: list[list[str]] = []

    def normalising(kind: str) -> dict[str, Any]:
        @hookimpl
        def function(points: Sequence[ContactPoint]) -> list[ContactPoint | None]:
            asked.append([p.value for p in points])
            return [evolve(p, value=f"{kind}!{p.value}") if p.kind == kind else None for p in points]

        return {"crocevia_normalise_contact_point": function}

    called = dispatcher(last=normalising("phone"), mail=normalising("email"), first=normalising("phone"))
    batch = [point("1"), point("a", "email"), point("2"), point("x", "other")]
    decided = called.decide("crocevia_normalise_contact_point", batch, region="IT")
    assert [found and found.value for found in decided] == ["phone!1", "email!a", "phone!2", None]
    assert asked == [["1", "a", "2", "x"], ["a", "x"], ["x"]]


def test_nobody_is_asked_when_all_is_decided() -> None:
    """Core's rules cost nothing where a plugin has answered for the whole batch."""
    called = dispatcher(
        core=answering("crocevia_resolve_conflict", AssertionError()),
        mine=answering("crocevia_resolve_conflict", [Chosen("D"), "ask"]),
    )
    assert called.decide("crocevia_resolve_conflict", [CONFLICT, CONFLICT]) == [Chosen("D"), "ask"]
    assert failed(called) == []


@pytest.mark.parametrize(
    "answer",
    [ValueError("x"), SystemExit(0), ["ours"], ["ours", "ours", "ours"], "ours", ["ours", "mine"], {"a": 1, "b": 2}, 5],
    ids=repr,
)
def test_failing_decision_counts_as_none(answer: Any) -> None:
    """An exception, another length, an answer that the hook does not know: recorded; the next one decides."""
    called = dispatcher(
        core=answering("crocevia_resolve_conflict", ["theirs", "theirs"]),
        bad=answering("crocevia_resolve_conflict", answer),
    )
    assert called.decide("crocevia_resolve_conflict", [CONFLICT, CONFLICT]) == ["theirs", "theirs"]
    assert [plugin for plugin, _ in failed(called)] == ["bad"]


def test_none_as_a_whole_decides_nothing() -> None:
    """A plugin that has no opinion on the batch says so shortly."""
    called = dispatcher(one=answering("crocevia_allow_delivery", None))
    message = Message(id="c1", to=point("1"))
    assert called.decide("crocevia_allow_delivery", [message], connection="wa") == [None]
    assert failed(called) == []


def test_refusal_and_consent_are_decisions() -> None:
    """A text refuses, True settles; False means nothing and is recorded."""
    message = Message(id="c1", to=point("1"))
    for answer, expected in (("opted out", ["opted out"]), (True, [True]), (False, [None])):
        called = dispatcher(one=answering("crocevia_allow_delivery", [answer]))
        assert called.decide("crocevia_allow_delivery", [message], connection="wa") == expected


# --- announce -------------------------------------------------------------------------------------------------------


def test_each_listener_is_told_on_its_own() -> None:
    """One plugin is called, the others are not; it takes what it needs."""
    told: list[tuple[str, Any]] = []

    def listening(name: str) -> dict[str, Any]:
        @hookimpl
        def function(sequence: int, survivor: str) -> None:
            told.append((name, (sequence, survivor)))

        return {"crocevia_profiles_merged": function}

    called = dispatcher(one=listening("one"), two=listening("two"))
    assert called.listeners("crocevia_profiles_merged") == ["two", "one"]
    called.announce("one", "crocevia_profiles_merged", **MERGED)
    assert told == [("one", (7, "p1"))]


def test_failing_listener_is_said_and_recorded_without_the_errors_text() -> None:
    """The caller's cursor stays, so that it is told again; the message quotes no customer."""
    called = dispatcher(bad=answering("crocevia_profiles_merged", ValueError("Ada Lovelace +39333")))
    with pytest.raises(PluginError) as raised:
        called.announce("bad", "crocevia_profiles_merged", **MERGED)
    assert "Ada" not in str(raised.value)
    assert str(raised.value).startswith(
        "plugin bad failed in crocevia_profiles_merged (ValueError at test_dispatcher.py:"
    )
    assert isinstance(raised.value.__cause__, ValueError)
    assert called.failures.counts() == {("bad", "crocevia_profiles_merged", "ValueError"): 1}


def test_listener_that_is_gone_is_said() -> None:
    """A cursor may outlive its plugin."""
    with pytest.raises(PluginError, match="plugin gone does not listen"):
        dispatcher().announce("gone", "crocevia_profiles_merged", **MERGED)


# --- wrappers -------------------------------------------------------------------------------------------------------


def wrapping(mark: str, *, before: bool = False, after: bool = False, twice: bool = False) -> dict[str, Any]:
    """A wrapper that marks the result, or fails before or after it."""

    @hookimpl(wrapper=True)
    def crocevia_translate_event() -> Generator[None, list[Event], Any]:
        if before:
            raise RuntimeError
        events = yield
        if after:
            events.clear()
            raise RuntimeError
        if twice:
            yield
        return [evolve(event, text=f"({event.text}){mark}") for event in events if isinstance(event, InteractionSeen)]

    return {"crocevia_translate_event": crocevia_translate_event}


def test_wrapper_sees_the_whole_call() -> None:
    """The last registered is outermost, around every plain implementation."""
    called = dispatcher(inner=wrapping("i"), one=translate("1"), outer=wrapping("o"))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="((hello1)i)o")]


@pytest.mark.parametrize("how", ["before", "after", "twice"])
def test_failing_wrapper_is_as_if_it_were_not_there(how: str) -> None:
    """Whether it fails before or after the call, or yields twice."""
    called = dispatcher(inner=wrapping("i"), one=translate("1"), bad=wrapping("x", **{how: True}))
    assert called.translate("crocevia_translate_event", SEEN, raw=RAW) == [evolve(SEEN, text="(hello1)i")]
    assert [plugin for plugin, _ in failed(called)] == ["bad"]


def test_wrapper_of_a_decision_keeps_its_shape() -> None:
    """A wrapper that forgets to return the result changes nothing and is recorded."""

    @hookimpl(wrapper=True)
    def forgetful() -> Generator[None, Any, None]:
        yield

    called = dispatcher(
        one=answering("crocevia_resolve_conflict", ["ours"]), bad={"crocevia_resolve_conflict": forgetful}
    )
    # None as a whole is "no opinion" from an implementation, but not from a wrapper.
    assert called.decide("crocevia_resolve_conflict", [CONFLICT]) == ["ours"]
    assert failed(called) == [("bad", "NonsenseError")]


# --- records of failure ---------------------------------------------------------------------------------------------


def test_failures_are_bounded_and_all_counted() -> None:
    """A plugin that fails at every event fills neither memory nor the log."""
    called = dispatcher(bad=answering("crocevia_translate_event", ValueError("x")))
    for _ in range(1000):
        called.translate("crocevia_translate_event", SEEN, raw=RAW)
    assert len(called.failures.recent()) == 200
    assert called.failures.counts() == {("bad", "crocevia_translate_event", "ValueError"): 1000}


def test_failure_keeps_no_text_of_the_error() -> None:
    """An exception's text could quote a customer; type and line are enough to mend it."""
    called = dispatcher(bad=answering("crocevia_translate_event", ValueError("Ada Lovelace")))
    called.translate("crocevia_translate_event", SEEN, raw=RAW)
    (failure,) = called.failures.recent()
    assert ("Ada" in repr(failure), failure.where.split(":")[0]) == (False, "test_dispatcher.py")


def test_observers_are_told_of_failures() -> None:
    """Logs and metrics hang on here."""
    called = dispatcher(bad=answering("crocevia_translate_event", ValueError("x")))
    told: list[str] = []
    called.failures.observe(lambda failure: told.append(failure.plugin))
    called.translate("crocevia_translate_event", SEEN, raw=RAW)
    assert told == ["bad"]


def test_wrong_call_by_core_is_no_plugins_failure() -> None:
    """Arguments that the hook's page does not name, or lacks, are raised to the caller."""
    called = dispatcher(one=translate("1"))
    with pytest.raises(TypeError, match="crocevia_translate_event is called with event, raw"):
        called.translate("crocevia_translate_event", SEEN)
    assert failed(called) == []


def test_threads_share_one_dispatcher() -> None:
    """Eight workers at once lose no failure and mix no event."""
    called = dispatcher(one=translate("1"), bad=answering("crocevia_translate_event", ValueError("x")))
    wrong: list[Any] = []

    def work(number: int) -> None:
        mine = evolve(SEEN, text=str(number))
        made = [called.translate("crocevia_translate_event", mine, raw=RAW) for _ in range(200)]
        wrong.extend(events for events in made if events != [evolve(mine, text=f"{number}1")])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (wrong, called.failures.counts()) == ([], {("bad", "crocevia_translate_event", "ValueError"): 1600})
