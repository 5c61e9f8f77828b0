"""What one transaction of intake holds in memory: read in few statements, written in few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from attrs import evolve
from sqlalchemy.engine import Connection

from crocevia.model import ContactPoint
from crocevia.store import (
    announcements,
    bindings,
    books,
    commands,
    dead,
    decisions,
    interactions,
    journal,
    merges,
    profiles,
)
from crocevia.store.announcements import Announcement
from crocevia.store.bindings import LIVE, BindingRow
from crocevia.store.commands import CommandRow
from crocevia.store.dead import DeadLetter
from crocevia.store.decisions import Decision, Review
from crocevia.store.ids import RowIds, new_uid
from crocevia.store.interactions import InteractionRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync import contest, deserve
from crocevia.sync.past import Past
from crocevia.sync.world import Live, Target, World


class Batch:
    """Everything that one transaction reads, changes and will write.

    Args:
        world: Connections and tools.
        live: The connection whose input is being applied.
        transaction: An open write transaction. Row ids are taken at once: that makes lanes that would change the
            same profiles wait for each other on PostgreSQL, as they do on SQLite.
        expected: How many rows it may make, a guess that saves statements.
    """

    def __init__(self, world: World, live: Live, transaction: Connection, expected: int = 64) -> None:
        self.world = world
        self.live = live
        self.transaction = transaction
        self.now = world.now_us()
        self.ids = RowIds(transaction)
        self.ids.reserve(expected)
        self.past = Past(transaction, self.now)
        self.profiles: dict[int, ProfileRow] = {}
        self.by_uid: dict[str, ProfileRow] = {}
        self.interactions: dict[str, InteractionRow] = {}
        self.unbound: dict[int, list[int]] = {}
        self.new_bindings: list[BindingRow] = []
        self.changed_bindings: dict[int, BindingRow] = {}
        self.reshaped: list[BindingRow] = []
        self.wanted: dict[str, set[int]] = {}
        self.counts: Counter[str] = Counter()
        self.letters: list[DeadLetter] = []
        self.reviews: list[Review] = []
        self.decisions: list[Decision] = []
        self.revisions: list[dict[str, Any]] = []
        self.commands: list[CommandRow] = []
        self.said: list[Announcement] = []
        self.subjects: set[tuple[int, int]] = set()
        self.aliases: list[tuple[str, int]] = []
        self.linked: dict[tuple[str, str], int] = {}
        self.late: list[Any] = []
        self.awaited: list[tuple[str, str]] = []
        self.ruled = world.ruled
        self.considered: set[int] = set()
        self.to_bind: dict[tuple[int, int], int] = {}
        self.afterwards: list[Callable[[Batch], object]] = []
        self._commands_written = 0
        self._questions: list[tuple[ProfileRow, tuple[str, ...], str]] = []
        self._targets: dict[str, tuple[Target, ...]] = {}

    # --- profiles ---------------------------------------------------------------------------------------------------

    def load_profiles(self, ids: Collection[int]) -> dict[int, ProfileRow]:
        """Profiles by id (the survivor of a merged one), each loaded once."""
        missing = [wanted for wanted in ids if wanted not in self.profiles]
        if missing:
            for wanted, row in profiles.load_canonical(self.transaction, missing).items():
                self.profiles[wanted] = self.by_uid[row.uid] = self.profiles.setdefault(row.id, row)
        return {wanted: self.profiles[wanted] for wanted in ids if wanted in self.profiles}

    def stands_for(self, survivor: ProfileRow, loser: ProfileRow) -> None:
        """From now on what was one profile is another, in what the batch remembers too."""
        for known, row in list(self.profiles.items()):
            if row is loser:
                self.profiles[known] = survivor
        self.by_uid[loser.uid] = survivor
        for interaction in self.interactions.values():
            if interaction.profile_id == loser.id:
                interaction.profile_id = survivor.id

    def new_profile(self) -> ProfileRow:
        """Make an empty profile in memory."""
        row = ProfileRow(id=next(self.ids), uid=new_uid("p"), created_at=self.now, changed_at=self.now)
        self.profiles[row.id] = self.by_uid[row.uid] = row
        return row

    def set_field(self, profile: ProfileRow, name: str, value: Any, at: int) -> None:
        """Give a profile's field a value, with where it came from. The same value again changes nothing."""
        if name in profile.fields and profile.fields[name] == value:
            return
        profile.fields[name] = value
        profile.origins[name] = [at, self.live.name]
        self.touched(profile, name)

    def touched(self, profile: ProfileRow, name: str) -> None:
        """Note that a field (or "contact_points") of a profile moved."""
        profile.changed = True
        profile.changed_at = self.now
        if not profile.changed_fields and profile.stored:
            profile.revision += 1
        profile.changed_fields.add(name)

    def claim(self, profile: ProfileRow, point: ContactPoint, *, slot: str | None = None, listed: bool = True) -> None:
        """Let a profile hold a contact point, or strengthen the claim it has."""
        if self.world.identity.blocked and self.world.identity.blocks(point.address):
            point = evolve(point, verified=False)
        held = profile.claims.get(point.address)
        if held is None:
            slot = free_slot(profile, point) if slot is None else slot
            held = profiles.new_claim(self.ids, profile, point, self.now)
            held.slot = slot
            held.listed = listed
            held.shown_by = {self.live.name: point.verified}
            self.touched(profile, "contact_points")
            return
        if not held.shown_by.get(self.live.name) and (self.live.name not in held.shown_by or point.verified):
            held.shown_by[self.live.name] = point.verified
            held.verified = held.verified or point.verified
            held.changed = profile.changed = True

    def deserve(self, profile: ProfileRow) -> None:
        """From now on the profile has a record in every CRM, and so have its interactions, also those before.

        Where rules say who deserves what, they are asked at the end of the batch.
        """
        if self.ruled:
            self.considered.add(profile.id)
            profile.changed = profile.changed or not profile.deserving
            profile.deserving = True
            return
        if profile.deserving:
            return
        profile.deserving = profile.changed = True
        self.bind_new("profile", [(profile.id, profile.id)])
        own = [(interaction, profile.id) for interaction in self.unbound.pop(profile.id, ())]
        if profile.stored:
            own += interactions.of_profiles(self.transaction, [profile.id])
        self.bind_new("interaction", own)

    # --- wanting ----------------------------------------------------------------------------------------------------

    def bind_new(self, of: str, subjects: Iterable[tuple[int, int]], *, urgency: int = LIVE) -> None:
        """Want records of subjects `(subject id, profile id)` on every connection that has none yet."""
        if self.ruled:
            subjects = list(subjects)
            self.considered.update(profile for _, profile in subjects)
            self.to_bind |= dict.fromkeys(subjects, urgency) if of == "interaction" else {}
            return
        targets = self._targets.get(of)
        if targets is None:
            targets = self._targets[of] = self.world.targets(of)
        for subject, profile in subjects:
            for target in targets:
                self.new_bindings.append(
                    BindingRow(
                        id=next(self.ids),
                        connection=target.connection,
                        object=target.object,
                        of=of,
                        subject_id=subject,
                        profile_id=profile,
                        urgency=urgency,
                    )
                )

    def want(self, of: str, subject: int) -> None:
        """Want one more revision of a subject wherever it has a record.

        Also where the news came from: a push there finds nothing that differs, and makes no call.
        """
        self.wanted.setdefault(of, set()).add(subject)

    def review_identity(self, profile: ProfileRow, others: Iterable[str], reason: str) -> None:
        """Ask a person whether a profile and these others (external ids) are one customer."""
        self._questions.append((profile, tuple(others), reason))

    def _ask(self) -> None:
        """Ask what nobody has answered: those whom a person has kept apart are not compared again."""
        questions, self._questions = self._questions, []
        apart = merges.apart_of(self.transaction, {profile.id for profile, _, _ in questions}) if questions else set()
        for profile, others, reason in questions:
            uids = sorted(
                uid for uid in others if uid not in self.by_uid or (profile.id, self.by_uid[uid].id) not in apart
            )
            if not uids:
                continue
            self.reviews.append(
                Review(
                    kind="identity",
                    connection=self.live.name,
                    subject=f"{profile.uid}:{','.join(uids)}",
                    profile_id=profile.id,
                    data={"profile": profile.uid, "others": uids, "reason": reason},
                    at=self.now,
                )
            )

    # --- saying -----------------------------------------------------------------------------------------------------

    def announce(
        self, hook: str, data: Mapping[str, Any], *, profile: int | None = None, subject: int | None = None
    ) -> None:
        """Log something that plugins listen to; nothing when nobody does."""
        if hook in self.world.listened:
            self.said.append(
                Announcement(
                    hook=hook, connection=self.live.name, at=self.now, data=data, profile_id=profile, subject_id=subject
                )
            )

    # --- writing ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write everything, then do what had to wait for that, and write that too; the caller commits."""
        self.write()
        while self.afterwards:
            self.afterwards.pop(0)(self)
            self.write()

    def write(self) -> None:
        """Write what is not written yet: what is to be done by statement over many rows finds them in the store."""
        if self.ruled:
            deserve.settle(self)
        self.past.write()
        contest.settle(self)
        self.past.write()
        self._ask()
        store, transaction = self.world.store, self.transaction
        rows = {row.id: row for row in self.profiles.values()}
        for row in rows.values():
            if row.changed_fields:
                self._tell_profile(row)
        profiles.save(transaction, [row for row in rows.values() if row.changed or not row.stored])
        interactions.save(transaction, list({row.id: row for row in self.interactions.values()}.values()))
        interactions.name(store, transaction, self.aliases)
        interactions.record_revisions(transaction, self.revisions)
        bindings.add(transaction, self.new_bindings)
        bindings.save(transaction, self.changed_bindings.values())
        bindings.reshape(transaction, self.reshaped)
        bindings.unblock(transaction, self.live.name, set(self.linked.values()))
        for of, subjects in self.wanted.items():
            bindings.want(transaction, of, subjects)
        commands.add(transaction, self.commands[self._commands_written :])
        self._commands_written = len(self.commands)
        decisions.record(transaction, self.ids, self.decisions)
        decisions.review(store, transaction, self.ids, self.reviews)
        dead.bury(transaction, self.ids, self.letters, self.now)
        announcements.append(transaction, self.ids, self.said)
        journal.link(transaction, self.subjects)
        books.count(store, transaction, self.live.name, self.counts)
        self._forget_written()

    def _forget_written(self) -> None:
        written: tuple[Any, ...] = (self.aliases, self.revisions, self.new_bindings, self.changed_bindings, self.wanted)
        written += (self.reshaped,)
        written += (self.decisions, self.reviews, self.letters, self.said, self.subjects, self.counts, self.unbound)
        for collection in written:
            collection.clear()

    def _tell_profile(self, row: ProfileRow) -> None:
        if row.stored:
            # a new profile's bindings are new themselves and want their first revision anyway
            self.want("profile", row.id)
        fields = sorted(row.changed_fields)
        row.changed_fields.clear()
        self.announce(
            "crocevia_profile_changed",
            {"profile": row.uid, "fields": fields, "connection": self.live.name},
            profile=row.id,
        )


_SLOTS = {"phone": ("mobile", "other"), "email": ("main", "other")}


def free_slot(profile: ProfileRow, point: ContactPoint) -> str:
    """The slot a point asks for when it is free, else the first one of its kind, else "other"."""
    if point.kind not in _SLOTS:
        return point.slot
    first, other = _SLOTS[point.kind]
    listed = [claim for claim in profile.claims.values() if claim.listed and claim.point.kind == point.kind]
    taken = {slot for claim in listed for slot in claim.slot.split()}
    return next((slot for slot in (point.slot or first, first) if slot not in taken), other)
