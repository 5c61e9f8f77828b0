"""Commands carried out: each message is sent once; what may have been sent is parked, never blindly repeated."""

from __future__ import annotations

from datetime import timedelta

from attrs import define, field

from crocevia import faults
from crocevia.connector import SendsMessages
from crocevia.errors import (
    AuthError,
    OptedOutError,
    OutcomeUnknownError,
    RemoteError,
    RetryableError,
    UndeliverableError,
)
from crocevia.model import Message, Receipt, Status, StatusReported
from crocevia.store import commands, dead, interactions
from crocevia.store.commands import CommandRow
from crocevia.store.dead import DeadLetter
from crocevia.store.ids import RowIds
from crocevia.store.interactions import InteractionRow
from crocevia.store.leases import Lease, fence, sure
from crocevia.sync import consent, touches
from crocevia.sync.batch import Batch
from crocevia.sync.gate import SEND
from crocevia.sync.governor import NOTHING
from crocevia.sync.outgoing import Going, begin, outgoing, parts
from crocevia.sync.retry import MOST_ATTEMPTS, Budget, Step, step
from crocevia.sync.world import Live, World

_US = 1_000_000
MOST_AT_ONCE = 50
LONGEST_S = 10.0
"""A slow channel does not keep the lane from its other work for longer at a time."""
PROBED_AGAIN_S = 15.0
"""While the channel is down, the next probe is with another message, in case it is this one's fault."""


@define
class Send:
    """Sends what is due on one connection."""

    world: World
    live: Live
    lease: Lease | None = None
    budget: Budget = field(factory=Budget)
    _probe: bool = field(default=False, init=False)

    def recover(self) -> int:
        """Park what a dead worker had claimed: it may have been sent. Call when the lane was taken; return how many."""
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            rows = commands.claimed(connection, self.live.name)
            for row in rows:
                row.state = "pending" if self._repeatable(row) else "unknown"
                row.error, row.changed_at = OutcomeUnknownError.__name__, self.world.now_us()
            parked = [row for row in rows if row.state == "unknown"]
            letters = [_letter(row, self._interrupted(row)) for row in parked]
            dead.bury(connection, RowIds(connection), letters, self.world.now_us())
            commands.save(connection, rows)
        return len(parked)

    def _repeatable(self, row: CommandRow) -> bool:
        """Whether the channel sends once for one id, so that what may have gone can be sent again."""
        channel = self.live.connector
        return (
            isinstance(channel, SendsMessages) and channel.capabilities(row.payload.get("conversation")).idempotent_send
        )

    def _interrupted(self, row: CommandRow) -> OutcomeUnknownError:
        said = f"{self.live.name}: the worker died while it sent message {row.uid}; it may have gone out"
        return OutcomeUnknownError(said)

    def run(self) -> int:
        """Send what is due, oldest first and each conversation in order; return how many commands were dealt with.

        Raises:
            RemoteError: what concerns the whole connection (AuthError, ThrottledError).
            StoreError: an outcome could not be kept; the command is parked as unknown at the next start.
        """
        channel = self.live.connector
        gate = self.live.gate
        if not isinstance(channel, SendsMessages) or gate.allows(SEND) == NOTHING:
            return 0
        with self.world.store.reading() as connection:
            probing = gate.probing(SEND)
            now, most = self.world.now_us(), 1 if probing else MOST_AT_ONCE
            rows = commands.due(connection, self.live.name, now, most, turns=probing)
            found = outgoing(connection, self.live, channel, rows, now) if rows else []
        if not found:
            return 0
        messages = [going.message for going in found]
        verdicts = self.world.dispatcher.decide("crocevia_allow_delivery", messages, connection=self.live.name)
        until_s = self.world.clock.monotonic_s() + LONGEST_S
        done = 0
        for going, verdict in zip(found, verdicts, strict=True):
            if done and (gate.allows(SEND) == NOTHING or self.world.clock.monotonic_s() >= until_s):
                break
            self._one(channel, going, verdict if isinstance(verdict, str) else None)
            done += 1
        return done

    def _one(self, channel: SendsMessages, going: Going, verdict: str | None) -> None:
        """Send what one command asks for, part after part; what is left of it when one fails goes on from there."""
        row = going.row
        made = verdict or going.refusal or parts(going, self.world.now_us())
        if isinstance(made, str):
            self._finish(row, UndeliverableError(f"{self.live.name}: {made}"), detail=made)
            return
        begin(going, made)
        for message in made[len(row.keys) :]:
            self._part(channel, row, message)
            if row.state != "pending" or row.error is not None or self.live.gate.allows(SEND) == NOTHING:
                break

    def _part(self, channel: SendsMessages, row: CommandRow, message: Message) -> None:
        sure(self.world.store, self.lease, self.world.now_us())
        row.state = "claimed"
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            commands.save(connection, [row])
        faults.reach("send.claimed")
        sure(self.world.store, self.lease, self.world.now_us())
        self._probe = self.live.gate.probing(SEND)
        try:
            with self.live.gate.call(SEND):
                outcome: Receipt | RemoteError = channel.send(message)
        except RemoteError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - a connector's bug: nobody knows whether the message went
            told = f"{self.live.name}: the connector failed ({type(error).__name__}) while sending message {message.id}"
            outcome = OutcomeUnknownError(told)
        faults.reach("send.called")
        self._finish(row, outcome)

    def _step(self, row: CommandRow, error: RemoteError) -> Step:
        if self._probe and isinstance(error, RetryableError):  # the channel is down, whatever is sent
            return Step("retry", max(error.after or timedelta(0), timedelta(seconds=PROBED_AGAIN_S)), counts=False)
        taken = step(error, row.attempts, self.world.random, self.budget)
        if taken.next == "unknown" and row.attempts + 1 < MOST_ATTEMPTS and self._repeatable(row):
            return Step("retry", taken.after)
        return taken

    def _finish(self, row: CommandRow, outcome: Receipt | RemoteError, detail: str | None = None) -> None:
        """Commit what came of a send, on the command and on its interaction."""
        taken = None if isinstance(outcome, Receipt) else self._step(row, outcome)
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            batch = Batch(self.world, self.live, connection)
            row.changed_at = batch.now
            loaded = interactions.load(connection, [] if row.interaction_id is None else [row.interaction_id])
            for interaction in loaded.values():
                batch.interactions[interaction.uid] = interaction
            told = loaded.get(row.interaction_id or 0)
            if isinstance(outcome, Receipt):
                self._went(batch, row, told, outcome)
            elif taken is not None:
                row.error = type(outcome).__name__
                row.due_at = batch.now + int(taken.after.total_seconds() * _US)
                row.attempts += taken.counts
                row.state = _STATES.get(taken.next, "dead")
                if row.state in ("refused", "dead") and told is not None:
                    touches.failed(batch, told, _of_parts(row) + (detail or _short(outcome)))
                    touches.say(batch, told, self._status(row, "failed", row.uid, told.status_detail))
                if row.state in ("dead", "unknown"):
                    batch.letters.append(_letter(row, outcome))
                if isinstance(outcome, OptedOutError):
                    consent.refused(batch, row)
            commands.save(connection, [row])
            batch.flush()
            faults.reach("send.before_record")
        faults.reach("send.recorded")
        if isinstance(outcome, AuthError):
            raise outcome

    def _went(self, batch: Batch, row: CommandRow, told: InteractionRow | None, receipt: Receipt) -> None:
        if told is not None:
            touches.sent(batch, told, row, receipt.key, receipt.conversation)
        done = row.taken(receipt.key)
        if told is not None:
            if done:
                touches.say(batch, told, self._status(row, "sent", receipt.key))
            touches.unpark(batch, [batch.aliases[-1][0]])
        self.budget.earn(1)

    def _status(self, row: CommandRow, status: Status, key: str, detail: str | None = None) -> StatusReported:
        """What came of a send, as plugins hear it."""
        return StatusReported(of=key, status=status, at=self.world.clock.now(), callback=row.uid, detail=detail)


_STATES = {"retry": "pending", "pause": "pending", "unknown": "unknown", "refuse": "refused"}


_ASK = "its first status settles it; without one, look at the channel, and replay it only if it never went"
"""Nobody but a person may send it again: a customer does not get the same message twice."""


def _short(error: RemoteError) -> str:
    said = "the customer does not want it" if isinstance(error, OptedOutError) else "refused by the channel"
    return f"{said} ({error.code})" if error.code else said


def _of_parts(row: CommandRow) -> str:
    return f"part {len(row.keys) + 1} of {len(row.parts)}: " if row.keys else ""


def _letter(row: CommandRow, error: RemoteError) -> DeadLetter:
    said = str(error) if row.uid in str(error) else f"message {row.uid}: {error}"
    return DeadLetter(
        connection=row.connection,
        what="command",
        ref_id=row.id,
        profile_id=row.profile_id,
        error=type(error).__name__ + (f" {error.code}" if error.code else ""),
        message=f"{said}; {_ASK}" if isinstance(error, OutcomeUnknownError) else said,
    )
