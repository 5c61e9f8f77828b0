"""Every hook, one page to read first.

A hook's name is `crocevia_<verb>_<noun>`. An implementation has the same name, is marked `@hookimpl`
(`from crocevia import hookimpl`) and takes those of the arguments that it needs, by name. Four ways of calling:

- **register**: every answer is collected.
- **translate**: each implementation gets what the one before it made.
- **decide**: a whole batch at once. An answer has one entry for each item, in the same order; None means "not mine",
  and what nobody before has decided is handed on. Core's own rules come last.
- **announce**: told what has happened, from a durable cursor of the plugin's own: at least once, also after a crash.

*Order*: the plugin registered last is called first; `@hookimpl(tryfirst=True)` and `trylast=True` move one to the front
or the back. `@hookimpl(wrapper=True)` may wrap register, translate and decide: it sees the whole call and its result.
"""

# mypy: disable-error-code="empty-body"
# A hookspec has a signature and a docstring; it is never run.

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pluggy import HookspecMarker

from crocevia.connector import Connector
from crocevia.model import (
    Candidates,
    Choice,
    Conflict,
    ContactPoint,
    Customer,
    Event,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Match,
    Message,
    Raw,
    StatusReported,
)

if TYPE_CHECKING:
    import click  # a daemon that runs no command need not load it

hookspec = HookspecMarker("crocevia")

# --- register: at start ---------------------------------------------------------------------------------------------


@hookspec
def crocevia_register_connectors() -> Iterable[type[Connector[Any]]]:
    """Give the connector classes of this plugin.

    Called: once, when the plugins are loaded, on the main thread, before any setting is read.
    Order: all are collected; of two with one `kind` the first registered stays, the other is a recorded failure.
    May do: nothing but import; no I/O.
    If it raises: the plugin gives no connectors; the failure is shown by `crocevia plugins`, the others run.
    """


@hookspec
def crocevia_register_engines() -> Mapping[str, Callable[..., Any]]:
    """Give engines by the name that `engine = "..."` uses; each value makes one (see `crocevia.engine`).

    Called: once, when the daemon starts, on the main thread.
    Order: all are collected; for one name the first in the order of the hooks wins over core's "embedded".
    May do: nothing but import; an engine connects when it is made.
    If it raises: its engines are missing; a daemon that was told to use one refuses to start and says so.
    """


@hookspec
def crocevia_register_commands() -> Iterable[click.Command]:
    """Give commands to be run as `crocevia NAME`.

    Called: when a command is run that core does not have, and by `crocevia plugins`; on the main thread.
    Order: all are collected; a name that core or an earlier plugin has is a recorded failure.
    May do: nothing but import; no I/O.
    If it raises: its commands are missing; the failure is shown by `crocevia plugins`.
    """


@hookspec
def crocevia_register_simulators() -> Mapping[str, Callable[[Sequence[str]], int | None]]:
    """Give simulators of vendors, to be run as `crocevia simulate NAME`; each takes its arguments and serves.

    A simulator listens on loopback unless told otherwise, prints its URL when it is ready, and ends on SIGTERM. None
    or 0 is success.

    Called: when a simulator is run or listed; on the main thread.
    Order: all are collected; for one name the first registered plugin's stands.
    May do: nothing but import; no I/O.
    If it raises: its simulators are missing; the failure is shown by `crocevia plugins`.
    """


# --- translate: on the way in and on the way out --------------------------------------------------------------------


@hookspec
def crocevia_translate_event(event: Event, raw: Raw) -> Event | Sequence[Event] | None:
    """Amend, split or drop one event. None: leave it as it is. `[]`: drop it. Several: it is split.

    What is dropped stays in the books as `Ignored`, "dropped by plugin X". Events made by a split need keys (or parts)
    of their own, the same each time: a raw can be parsed again. `Ignored` and `Unrecognised` come by too.

    Called: once per event per parse, on an intake worker, before redeliveries are recognised.
    Order: a fold: each gets every event that the one before it gave.
    May do: nothing but compute; no I/O, no clock: parsing again must give the same.
    If it raises: it is skipped for that event, which goes on as it was; the failure is recorded and counted.
    """


@hookspec
def crocevia_map_record(
    values: dict[str, Any],
    connection: str,
    object: str,
    of: Literal["profile", "interaction"],
    canonical: Mapping[str, Any],
) -> Mapping[str, Any] | None:
    """Amend what is about to be written to a CRM, after the lenses. None: leave as is.

    `values` is `{remote field: value}`, everything the record should hold; a field that is left out is not written.
    Its pair is `crocevia_read_record`: a field changed here and not there is never read back.

    Called: once per record that may need a write, on a push worker; again at each retry.
    Order: a fold: each gets the values that the one before it gave.
    May do: nothing but compute, the same answer for the same input; no I/O.
    If it raises: it is skipped for that record; the failure is recorded and counted.
    """


@hookspec
def crocevia_read_record(
    values: dict[str, Any], connection: str, object: str, of: Literal["profile", "interaction"]
) -> Mapping[str, Any] | None:
    """Undo `crocevia_map_record` on what a CRM holds, before the lenses. None: leave as is.

    `values` is `{remote field: value}`; a field that is missing was not read.

    Called: once per record read, on a pull worker.
    Order: a fold: each gets the values that the one before it gave.
    May do: nothing but compute, the same answer for the same input; no I/O.
    If it raises: it is skipped for that record; the failure is recorded and counted.
    """


# --- decide: a batch at once ----------------------------------------------------------------------------------------


@hookspec
def crocevia_normalise_contact_point(
    points: Sequence[ContactPoint], region: str | None
) -> Sequence[ContactPoint | None]:
    """Give each address its one normal form, or None for kinds that are not yours. Keep `shown`, `slot`, `verified`.

    `region` is the ISO country for numbers without a prefix; None when the settings say none.

    Called: once per batch of intake and per batch of CRM records, on their workers; each address once a batch.
    Order: the first that answers for a point wins; core's own (phone, email) comes last.
    May do: nothing but compute; no I/O.
    If it raises: it counts as None for the whole batch; the failure is recorded and counted.
    """


@hookspec
def crocevia_match_profiles(parties: Sequence[Candidates]) -> Sequence[Match | None]:
    """Say which profile each party is, or None for "not mine".

    Called: once per batch, on an intake or pull worker, inside the transaction that logs the interactions.
    Order: the first that answers for a party wins; core's rule (one exclusive, verified claim) comes last.
    May do: nothing but compute; the store waits. Look-ups belong before: `claims` has what is known.
    If it raises: it counts as None for the whole batch; the failure is recorded and counted.
    """


@hookspec
def crocevia_deserve_record(
    customers: Sequence[Customer], connection: str, objects: Sequence[str]
) -> Sequence[bool | str | None]:
    """Say who gets a record on a CRM connection: True, False, as one of its `objects` ("Lead"), or None.

    `objects` are those that hold customers there, the one of which core makes records first. Who has a record there
    already, made there or here, is not asked about again; who gets none is asked about whenever something is heard
    of him. What a new record holds is up to the mapping, the setting `placeholders` and `crocevia_map_record`.

    Called: once per connection for each batch of intake or of CRM records, on its worker, inside its transaction.
    Order: the first that answers for a customer wins; core's rule, the setting `records`, comes last.
    May do: nothing but compute; the store waits.
    If it raises: it counts as None for the whole batch; the failure is recorded and counted.
    """


@hookspec
def crocevia_resolve_conflict(conflicts: Sequence[Conflict]) -> Sequence[Choice | None]:
    """Choose for each field that both sides changed: "ours", "theirs", "ask", `Chosen(value)`, or None.

    Called: once per batch of CRM records that has conflicts, on a pull worker, inside its transaction.
    Order: the first that answers for a conflict wins; core's policy from the settings comes last.
    May do: nothing but compute; the store waits.
    If it raises: it counts as None for the whole batch; the failure is recorded and counted.
    """


@hookspec
def crocevia_allow_delivery(messages: Sequence[Message], connection: str) -> Sequence[str | Literal[True] | None]:
    """Refuse messages that must not go out: a text is the reason shown, None no objection, True "go, ask no further".

    Called: once per batch of replies, on the connection's worker, before each first try of a send.
    Order: the first that answers for a message wins; without any answer it goes.
    May do: a quick look-up (a consent list): under a second a batch.
    If it raises: it counts as None for the whole batch; the failure is recorded and counted. A plugin that must
        fail closed catches its own errors and refuses.
    """


# --- announce: after it was committed -------------------------------------------------------------------------------


@hookspec
def crocevia_interaction_logged(
    sequence: int,
    at: datetime,
    connection: str,
    interaction: str,
    revision: int,
    profile: str | None,
    event: InteractionSeen | InteractionRevised | InteractionRemoved | InteractionCompleted | StatusReported,
) -> None:
    """An interaction was logged, revised or removed, or its status moved.

    `sequence` is its place in the event log, the same when it is told again; `interaction` and `profile` are our ids
    (None: the interaction waits for a review); `revision` counts from 1.

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """


@hookspec
def crocevia_profile_changed(
    sequence: int, at: datetime, profile: str, fields: Sequence[str], values: Mapping[str, Any], connection: str | None
) -> None:
    """A profile was made or changed.

    `fields` are the canonical fields that moved, `values` the profile as it is at the time of the call, `connection`
    where the change came from (None: from a person or a rule of ours).

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """


@hookspec
def crocevia_profiles_merged(sequence: int, at: datetime, survivor: str, merged: str, reason: str) -> None:
    """Two profiles turned out to be one customer: `merged` is a tombstone now and points to `survivor`.

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """


@hookspec
def crocevia_profiles_unmerged(sequence: int, at: datetime, survivor: str, restored: str, reason: str) -> None:
    """A merge was taken back: `restored` is a profile again, with what is its own; `survivor` keeps the rest.

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """


@hookspec
def crocevia_conflict_raised(sequence: int, at: datetime, review: str, conflict: Conflict) -> None:
    """A field went to the review queue, where a person chooses; `review` is the entry's id.

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """


@hookspec
def crocevia_connection_changed(sequence: int, at: datetime, connection: str, state: str, reason: str) -> None:
    """A connection's health changed: `state` is the new one ("up", "down", "paused"), `reason` says what to do.

    Called: after the commit, in order of `sequence`, one call at a time per plugin, on an announcing worker.
    Order: plugins are independent of one another; no wrappers.
    May do: I/O, up to 30 seconds; a slow plugin holds up itself alone.
    If it raises: it is told again, with growing pauses; the failure is recorded, the other plugins go on.
    """
