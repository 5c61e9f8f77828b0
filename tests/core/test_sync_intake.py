"""From the journal to the log: redeliveries, any order, poison, quarantine and replay; the books balance throughout."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve

from crocevia import (
    ContactPoint,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Party,
    hookimpl,
)
from crocevia.model import StatusReported
from crocevia.model.wire import to_wire
from crocevia.store import dead, interactions
from crocevia.store.tables import interactions as table
from crocevia.store.tables import journal, parked, revisions
from crocevia.sync.replay import replay
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted

ADA = Party([ContactPoint("phone", "", "+393331234567")], name="Ada")


def seen(key: str, text: str = "Hello", *, author: Party = ADA, **values: Any) -> InteractionSeen:
    """Something Ada wrote."""
    return InteractionSeen(key=key, author=author, at=START, text=text, **values)


@pytest.fixture
def script(crossroads: Crossroads) -> type[Script]:
    """A fourth connection, `script`; the class itself is mended in place."""

    class Mendable(Script):
        """One of its own for each test."""

    crossroads.more["script"] = lambda: Mendable(Mendable.settings_type()(), connection="script")
    return Mendable


def letters(crossroads: Crossroads) -> list[tuple[str, str]]:
    """Leaf and error of every open dead letter."""
    with crossroads.store.reading() as connection:
        return [(row["leaf"], row["error"]) for row in dead.listed(connection)]


def replay_all(crossroads: Crossroads) -> int:
    """`crocevia dead replay`, everything."""
    with crossroads.store.reading() as connection:
        found = dead.listed(connection)
    return replay(crossroads.store, found)


def one(crossroads: Crossroads) -> dict[str, Any]:
    """The one interaction in the log."""
    [row] = crossroads.rows(table)
    return row


# --- redelivery, order


def test_a_leaf_is_one_interaction_however_often_and_however_packed_it_comes(crossroads: Crossroads) -> None:
    """Alone, twice in a raw, with others, on another day."""
    for text in ("one", "two", "three"):
        crossroads.chat.write("ada", text)
    crossroads.deliver(most=3)
    crossroads.post(*[crossroads.chat.redeliver().body] * 3)
    crossroads.turn("chat")
    crossroads.clock.advance(timedelta(days=1))
    crossroads.post(crossroads.chat.redeliver().body)
    crossroads.settle()
    assert [row["text"] for row in crossroads.rows(table)] == ["one", "two", "three"]
    incoming = crossroads.books("chat").incoming
    assert (incoming.received, incoming.applied, incoming.superseded) == (15, 3, 12)
    crossroads.check()


def test_an_edit_that_is_told_again_is_one_revision(crossroads: Crossroads, script: type[Script]) -> None:
    """In the same raw, and in another."""
    edit = InteractionRevised(key="e1", of="m1", at=START, text="second")
    crossroads.post(scripted(seen("m1"), edit, edit), connection="script")
    crossroads.turn("script")
    crossroads.post(scripted(edit), connection="script")
    crossroads.turn("script")
    assert len(crossroads.rows(revisions)) == 1
    incoming = crossroads.books("script").incoming
    assert (incoming.received, incoming.applied, incoming.superseded) == (4, 2, 2)


_REPLY = evolve(seen("o1", "Hi"), direction="outbound", author=Party(), recipients=(ADA,), status="sending")
_STATUSES = [
    StatusReported(of="o1", status=status, at=START + timedelta(seconds=n))  # type: ignore[arg-type]  # from a list
    for n, status in enumerate(("sent", "delivered", "read"))
]


@pytest.mark.parametrize(
    ("store", "order"),
    [
        *(("sqlite", order) for order in permutations(range(4))),
        ("postgresql", (3, 1, 0, 2)),
        ("postgresql", (2, 3, 1, 0)),
    ],
    ids=str,
    indirect=["store"],
)
def test_statuses_end_the_same_in_any_order(
    crossroads: Crossroads, script: type[Script], order: tuple[int, ...]
) -> None:
    """Also before the message itself, each in a raw of its own, and all in one."""
    events: list[Event] = [_REPLY, *_STATUSES]
    if crossroads.store.dialect == "sqlite":
        crossroads.world  # noqa: B018 - started
        for index in order:
            crossroads.post(scripted(events[index]), connection="script")
            crossroads.turn("script")
    else:
        crossroads.post(scripted(*(events[index] for index in order)), connection="script")
        crossroads.turn("script")
    assert one(crossroads)["status"] == "read"
    incoming = crossroads.books("script").incoming
    assert incoming.balanced
    assert (incoming.received, incoming.pending, incoming.applied + incoming.superseded) == (4, 0, 4)
    assert crossroads.rows(parked) == []


@pytest.mark.parametrize(
    ("store", "order"),
    [*(("sqlite", order) for order in permutations(range(3))), ("postgresql", (2, 1, 0))],
    ids=str,
    indirect=["store"],
)
def test_edits_and_removals_end_the_same_in_any_order(
    crossroads: Crossroads, script: type[Script], order: tuple[int, ...]
) -> None:
    """The newest edit stands, whichever came last; a removed message stays removed."""
    edits: list[Event] = [
        seen("m1", "first"),
        InteractionRevised(key="e1", of="m1", at=START + timedelta(seconds=1), text="second"),
        InteractionRevised(key="e2", of="m1", at=START + timedelta(seconds=2), text="third"),
    ]
    for index in order:
        crossroads.post(scripted(edits[index]), connection="script")
        crossroads.turn("script")
    assert one(crossroads)["text"] == "third"
    crossroads.post(
        scripted(
            InteractionRemoved(key="r1", of="m1", at=START + timedelta(seconds=3)),
            InteractionRevised(key="e3", of="m1", at=START + timedelta(seconds=4), text="after"),
        ),
        connection="script",
    )
    crossroads.settle()
    assert (one(crossroads)["removed"], one(crossroads)["text"]) == (1, None)
    assert crossroads.touches(crossroads.a) == [("inbound", None, "removed")]
    assert len(crossroads.rows(revisions)) == 4, "every edit is history, applied or superseded"
    assert crossroads.books("script").incoming.balanced


def test_a_removal_before_its_original_waits_parked_and_is_then_applied(crossroads: Crossroads) -> None:
    """It is pending in the books meanwhile, also over a restart."""
    crossroads.start()
    message = crossroads.chat.write("ada", "Oops", name="Ada", phone="+393331234567")
    original = crossroads.chat.request()
    assert original is not None
    crossroads.chat.remove(message)
    crossroads.deliver()
    crossroads.turn("chat")
    assert crossroads.books("chat").incoming.pending == 1
    crossroads.start()
    crossroads.post(original.body)
    crossroads.settle()
    assert crossroads.touches(crossroads.a) == [("inbound", None, "removed")]
    assert crossroads.books("chat").incoming.pending == 0
    crossroads.check()


def test_a_status_told_twice_or_going_back_changes_nothing(crossroads: Crossroads, script: type[Script]) -> None:
    """`delivered` after `read` is superseded; `delivered` over `failed` is believed."""
    crossroads.post(scripted(_REPLY, _STATUSES[2], _STATUSES[1], _STATUSES[2]), connection="script")
    failed = StatusReported(of="o2", status="failed", at=START, detail="131026")
    late = StatusReported(of="o2", status="delivered", at=START)
    crossroads.post(scripted(evolve(_REPLY, key="o2"), failed, late), connection="script")
    crossroads.turn("script")
    assert [(row["status"], row["status_detail"]) for row in crossroads.rows(table)] == [
        ("read", None),
        ("delivered", None),
    ]
    incoming = crossroads.books("script").incoming
    assert (incoming.applied, incoming.superseded) == (5, 2)


def test_our_own_message_coming_back_as_an_echo_is_not_a_second_one(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """The channel shows what we sent, under the id it gave us."""
    crossroads.post(scripted(seen("m1")), connection="script")
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.create("Touch", person=person, direction="outbound", status="to send", text="Hi!")
    crossroads.settle()
    [reply] = crossroads.rows(table, direction="outbound")
    crossroads.post(scripted(evolve(_REPLY, key=f"sent {reply['uid']}")), connection="script")
    crossroads.settle()
    assert len(crossroads.rows(table, direction="outbound")) == 1
    assert crossroads.books("script").incoming.superseded == 1
    assert len(crossroads.b.records("Touch")) == 2
    crossroads.check()


# --- what is odd


def test_one_raw_on_which_the_connector_fails_does_not_hold_up_the_others(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """It is a dead letter that quotes nothing of what was in it."""
    bodies = [scripted(seen(f"m{number}")) for number in range(5)]
    bodies[2] = scripted(seen("m2"), "raise")
    crossroads.world  # noqa: B018 - started
    crossroads.post(*bodies, b"no JSON at all", connection="script")
    crossroads.turn("script")
    assert sorted(row["key"] for row in crossroads.rows(table)) == ["m0", "m1", "m3", "m4"]
    with crossroads.store.reading() as connection:
        found = dead.listed(connection, "script")
    assert [row["error"] for row in found] == ["LookupError", "MalformedError"]
    assert not any("+39" in row["message"] or "quotes" in row["message"] for row in found)
    incoming = crossroads.books("script").incoming
    assert (incoming.received, incoming.applied, incoming.quarantined) == (6, 4, 2)


def test_one_raw_that_cannot_be_applied_does_not_hold_up_the_others(
    crossroads: Crossroads, script: type[Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours, in the middle of a batch, is found by halving and buried alone; mended, it is replayed."""
    real = interactions.save

    def broken(connection: Any, rows: Any) -> None:
        rows = list(rows)
        if any(row.text == "poison" for row in rows):
            raise ZeroDivisionError("+393331234567")
        real(connection, rows)

    crossroads.world  # noqa: B018 - started
    crossroads.post(*(scripted(seen(f"m{n}", "poison" if n == 5 else "fine")) for n in range(12)), connection="script")
    with monkeypatch.context() as patched:
        patched.setattr(interactions, "save", broken)
        crossroads.turn("script")
    assert len(crossroads.rows(table)) == 11
    assert letters(crossroads) == [("", "ZeroDivisionError")]
    assert crossroads.books("script").incoming.balanced
    assert replay_all(crossroads) == 1
    crossroads.settle()
    assert len(crossroads.rows(table)) == 12
    assert letters(crossroads) == []
    incoming = crossroads.books("script").incoming
    assert (incoming.received, incoming.applied) == (12, 12)
    crossroads.check()


def test_a_mended_connector_applies_only_the_dead_leaves_again(crossroads: Crossroads, script: type[Script]) -> None:
    """What was applied, ignored or superseded before is not counted again."""
    crossroads.post(
        scripted(seen("m1"), {"hologram": to_wire(seen("m2"))}, _ignored(), {"hologram": {**to_wire(seen("m3"))}}),
        connection="script",
    )
    crossroads.turn("script")
    assert letters(crossroads) == [("/1", "Unrecognised"), ("/3", "Unrecognised")]
    before = crossroads.books("script").incoming
    assert (before.received, before.applied, before.ignored, before.quarantined) == (4, 1, 1, 2)

    replay_all(crossroads)
    crossroads.turn("script")
    assert crossroads.books("script").incoming == before, "not mended yet: dead as before"

    script.understands = True
    replay_all(crossroads)
    crossroads.settle()
    after = crossroads.books("script").incoming
    assert (after.received, after.applied, after.ignored, after.quarantined) == (4, 3, 1, 0)
    assert [row["key"] for row in crossroads.rows(table)] == ["m1", "m2", "m3"]
    crossroads.check()


def test_a_replay_on_which_the_connector_fails_leaves_the_books_as_they_were(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """Two dead leaves of one raw stay two, and can be replayed once more."""
    script.poisoned = False
    hologram = {"hologram": to_wire(seen("m2"))}
    crossroads.post(scripted(seen("m1"), hologram, {"hologram": to_wire(seen("m3"))}, "raise"), connection="script")
    crossroads.turn("script")
    before = crossroads.books("script").incoming
    assert (before.received, before.quarantined) == (4, 2)
    script.poisoned = True
    replay_all(crossroads)
    crossroads.turn("script")
    assert crossroads.books("script").incoming == before
    script.poisoned, script.understands = False, True
    replay_all(crossroads)
    crossroads.turn("script")
    after = crossroads.books("script").incoming
    assert (after.received, after.applied, after.ignored, after.quarantined) == (4, 3, 1, 0)


def test_a_replay_that_cannot_be_applied_leaves_the_books_as_they_were(
    crossroads: Crossroads, script: type[Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours at the second try."""
    crossroads.post(
        scripted({"hologram": to_wire(seen("m1", "poison"))}, {"hologram": to_wire(seen("m2"))}), connection="script"
    )
    crossroads.turn("script")
    before = crossroads.books("script").incoming
    script.understands = True
    replay_all(crossroads)
    with monkeypatch.context() as patched:
        patched.setattr(interactions, "save", _raises)
        crossroads.turn("script")
    after = crossroads.books("script").incoming
    assert (after.received, after.quarantined, after.balanced) == (before.received, 2, True)


def test_a_letter_that_is_replayed_twice_is_settled_once(crossroads: Crossroads, script: type[Script]) -> None:
    """Two people press the button, the second after it was done."""
    crossroads.post(scripted(seen("m1"), {"hologram": to_wire(seen("m2"))}, _ignored()), connection="script")
    crossroads.turn("script")
    with crossroads.store.reading() as connection:
        found = dead.listed(connection)
    script.understands = True
    for _ in range(2):
        replay(crossroads.store, found)
        crossroads.turn("script")
    incoming = crossroads.books("script").incoming
    assert (incoming.received, incoming.applied, incoming.ignored, incoming.superseded) == (3, 2, 1, 0)


def test_leaves_without_a_place_of_their_own_keep_the_books_balanced(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """A small connector names no leaves: two of one raw that are not understood are two letters."""

    def flat(self: Script, raw: Any, context: Any) -> list[Event]:
        return [evolve(event, leaf="") for event in Script.parse(self, raw, context)]

    script.parse = flat  # type: ignore[method-assign]  # as an author writes it
    crossroads.post(
        scripted(seen("m1"), {"hologram": to_wire(seen("m2"))}, {"hologram": to_wire(seen("m3"))}), connection="script"
    )
    crossroads.turn("script")
    script.understands = True
    replay_all(crossroads)
    crossroads.turn("script")
    assert [row["key"] for row in crossroads.rows(table)] == ["m1", "m2", "m3"]
    assert crossroads.books("script").incoming.balanced
    assert crossroads.books("script").incoming.quarantined == 0


def test_a_text_that_no_database_takes_is_logged_and_its_raw_kept_as_it_was(crossroads: Crossroads) -> None:
    """NUL and half a surrogate pair, escaped in good JSON."""
    crossroads.start()
    message = rb'{"type":"message","id":"m1","from":{"id":"ada"},"room":"","ts":1767603600000,"text":"a\u0000b\ud800c"}'
    body = b'{"events":[' + message + b"]}"
    crossroads.post(body)
    crossroads.settle()
    assert one(crossroads)["text"] == "a\ufffdb\ufffdc"
    assert [bytes(row["body"]) for row in crossroads.rows(journal, connection="chat")] == [body]
    crossroads.check()


def test_an_unknown_type_is_kept_counted_and_silent_nowhere(crossroads: Crossroads) -> None:
    """Typing is understood and ignored; a hologram is not understood."""
    crossroads.chat.emit(type="typing")
    crossroads.chat.emit(type="hologram", text="?")
    crossroads.settle()
    incoming = crossroads.books("chat").incoming
    assert (incoming.received, incoming.ignored, incoming.quarantined) == (2, 1, 1)
    assert letters(crossroads) == [("/events/0", "Unrecognised")]


# --- translate hooks


def test_hooks_may_split_amend_and_drop_events_and_every_leaf_stays_in_the_books(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """Splitting gives parts; what is dropped is ignored, with the plugin's name."""

    def crocevia_translate_event(event: Event) -> Any:
        if not isinstance(event, InteractionSeen):
            return None
        if event.text == "drop":
            return []
        words = (event.text or "").split()
        return [evolve(event, part=str(number), text=word) for number, word in enumerate(words)]

    crossroads.hooks["splitter"] = {"crocevia_translate_event": hookimpl(crocevia_translate_event)}
    crossroads.post(scripted(seen("m1", "one two"), seen("m2", "drop")), connection="script")
    crossroads.post(scripted(seen("m1", "one two")), connection="script")
    crossroads.settle()
    assert [(row["part"], row["text"]) for row in crossroads.rows(table)] == [("0", "one"), ("1", "two")]
    incoming = crossroads.books("script").incoming
    assert (incoming.applied, incoming.ignored, incoming.superseded, incoming.balanced) == (2, 1, 2, True)
    crossroads.check()


def test_a_hook_that_fails_leaves_the_event_as_it_was(crossroads: Crossroads, script: type[Script]) -> None:
    """The message is logged, the failure is recorded."""

    def crocevia_translate_event(event: Event) -> Any:
        raise RuntimeError

    crossroads.hooks["broken"] = {"crocevia_translate_event": hookimpl(crocevia_translate_event)}
    crossroads.post(scripted(seen("m1")), connection="script")
    crossroads.turn("script")
    assert one(crossroads)["text"] == "Hello"
    assert [failure.plugin for failure in crossroads.world.dispatcher.failures.recent()] == ["broken"]


# --- who deserves a record


def test_a_passer_by_has_no_record_until_he_is_a_customer_and_then_all_of_his_touches(
    crossroads: Crossroads, script: type[Script]
) -> None:
    """A public comment alone makes no CRM record; a private message in the same batch, or later, brings both."""
    eve = Party([ContactPoint("script", "page", "eve")], name="Eve")
    bob = Party([ContactPoint("script", "page", "bob")], name="Bob")
    crossroads.post(scripted(seen("c1", "nice", author=eve, public=True, kind="comment")), connection="script")
    crossroads.settle()
    assert crossroads.a.records() == {}
    crossroads.post(scripted(seen("m1", "private", author=eve)), connection="script")
    crossroads.post(
        scripted(seen("c2", "nice", author=bob, public=True, kind="comment"), seen("m2", "private", author=bob)),
        connection="script",
    )
    crossroads.settle()
    assert sorted(row["last"] for row in crossroads.a.records().values()) == ["Bob", "Eve"]
    assert sorted(text for _, text, _ in crossroads.touches(crossroads.a)) == ["nice", "nice", "private", "private"]
    crossroads.check()


def _ignored() -> Ignored:
    return Ignored(reason="not a touch")


def _raises(connection: Any, rows: Any) -> None:
    if list(rows):
        raise ZeroDivisionError
