"""What the CRMs hold, held against what they should: invariant G over every linked record, and the books.

`repair` lets the judge hear what differs, as a change that is seen now: a person's edit stays a person's edit, and
nothing is overwritten unheard. What follows from it is written by the daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define, field, frozen

from crocevia.connector import ReadsRecords
from crocevia.mapping.object import ObjectMapping
from crocevia.model import Record, RecordChanged, RecordDeleted
from crocevia.store import audits, bindings
from crocevia.store.bindings import BindingRow
from crocevia.sync import desired, pull
from crocevia.sync.batch import Batch
from crocevia.sync.gate import READ
from crocevia.sync.records import as_changed, hear_records
from crocevia.sync.world import Live, World

PAGE = 200
"""Records asked for at once."""


@frozen(kw_only=True)
class Difference:
    """One record that is not as it should be.

    Attributes:
        what: `"differs"` (in `fields`), `"missing"` (linked, and not there), `"stray"` (it carries our key, and nothing
            here is bound to it).
        binding: Its row id; None for a stray.
        ours: Our external id.
        fields: Remote fields; never their values.
    """

    connection: str
    object: str
    what: str
    binding: int | None
    ours: str
    remote_id: str
    fields: tuple[str, ...] = ()


@define
class Audit:
    """One connection's records against the store.

    Attributes:
        repair: Whether the judge hears what differs.
        tell: Told of each difference; they are not kept.
        counts: Records `looked at`, `differs`, `missing`, `stray`, `waiting` (a write is due: not at rest), `heard`.
    """

    world: World
    live: Live
    repair: bool = False
    tell: Callable[[Difference], object] = lambda _: None
    counts: Counter[str] = field(factory=Counter)
    _missing: list[tuple[str, int]] = field(factory=list)

    def run(self) -> Counter[str]:
        """Look at every linked record, a page at a time.

        Raises:
            RemoteError: the CRM does not answer; what was repaired so far is.
        """
        if not isinstance(self.live.connector, ReadsRecords):
            return self.counts
        with self.live.gate.call(READ):
            pull.fit(self.live)
        for mapping in sorted(self.live.mappings.values(), key=lambda one: one.of != "profile"):
            for rows in self._pages(mapping):
                self._page(mapping, self.live.connector, rows)
        if self.repair:
            self._let_go()
        with self.world.store.reading() as connection:
            self.counts["waiting"] = audits.waiting(connection, self.live.name)
        return self.counts

    def _pages(self, mapping: ObjectMapping) -> Iterator[list[BindingRow]]:
        cursor = 0
        while True:
            with self.world.store.reading() as connection:
                rows = audits.linked(connection, self.live.name, mapping.object, cursor, PAGE)
            if not rows:
                return
            yield rows
            cursor = rows[-1].id

    def _page(self, mapping: ObjectMapping, reader: ReadsRecords, rows: Sequence[BindingRow]) -> None:
        fields = pull.readable(self.live, mapping)
        with self.live.gate.call(READ):
            found = reader.fetch(mapping.object, [row.remote_id or "" for row in rows], fields)
        # what was committed before the look is what it is held against; what is due now is not at rest
        with self.world.store.reading() as connection:
            rows = audits.at_rest(bindings.load(connection, [row.id for row in rows]))
            wanted = desired.canonical(connection, self.live, mapping, rows)
        self.counts["looked at"] += len(rows)
        records = {record.id: record for record in found}
        wrong: list[tuple[BindingRow, Record]] = []
        for row in rows:
            record = records.get(row.remote_id or "")
            if row.subject_id not in wanted:
                continue
            ours, canonical = wanted[row.subject_id]
            if record is None:
                self._found("missing", mapping, row, ours)
                if len(self._missing) <= self.live.options.delete_cap:
                    self._missing.append((mapping.object, row.id))
                continue
            differing = self._differing(mapping, row, record, ours, canonical)
            if differing:
                self._found("differs", mapping, row, ours, differing)
                wrong.append((row, record))
        if self.repair and wrong:
            self._hear(mapping, wrong)
        self._strays(mapping, {wanted[row.subject_id][0] for row in rows if row.subject_id in wanted})

    def _differing(
        self, mapping: ObjectMapping, row: BindingRow, record: Record, ours: str, canonical: Mapping[str, object]
    ) -> tuple[str, ...]:
        """The remote fields that say something else than they should; those in review say what they say."""
        left_out = {*row.held, *self.live.quarantined.get(mapping.object, ())}
        values = desired.remote_values(self.world, self.live, mapping, canonical)
        names = {*mapping.differing(values, record.values, left_out)}
        if mapping.key and record.values.get(mapping.key) != ours:
            names.add(mapping.key)
        return tuple(sorted(names))

    def _found(
        self, what: str, mapping: ObjectMapping, row: BindingRow, ours: str, fields: tuple[str, ...] = ()
    ) -> None:
        self.counts[what] += 1
        self.tell(
            Difference(
                connection=self.live.name,
                object=mapping.object,
                what=what,
                binding=row.id,
                ours=ours,
                remote_id=row.remote_id or "",
                fields=fields,
            )
        )

    # --- records that nobody is bound to ----------------------------------------------------------------------------

    def _strays(self, mapping: ObjectMapping, keys: set[str]) -> None:
        """Records with the keys of these that are bound elsewhere or nowhere: doubles. A person is asked."""
        connector = self.live.keyed
        if connector is None or mapping.key is None or not keys:
            return
        with self.live.gate.call(READ):
            found = connector.find_keys(mapping.object, sorted(keys), pull.readable(self.live, mapping))
        with self.world.store.reading() as connection:
            bound = bindings.by_remote(connection, self.live.name, mapping.object, [record.id for record in found])
        strays = [record for record in found if record.id not in bound]
        for record in strays:
            self.counts["stray"] += 1
            told = Difference(
                connection=self.live.name,
                object=mapping.object,
                what="stray",
                binding=None,
                ours=str(record.values.get(mapping.key)),
                remote_id=record.id,
            )
            self.tell(told)
        if self.repair and strays:
            self._apply([as_changed(record) for record in strays])

    # --- repair -----------------------------------------------------------------------------------------------------

    def _hear(self, mapping: ObjectMapping, wrong: Sequence[tuple[BindingRow, Record]]) -> None:
        """Let the judge hear what is there; nothing is heard of a record that is about to be written."""
        with self.world.store.writing() as connection:
            batch = Batch(self.world, self.live, connection, 4 * len(wrong) + 16)
            now = {row.id: row for row in audits.at_rest(bindings.load(connection, [row.id for row, _ in wrong]))}
            same = [
                (now[row.id], record)
                for row, record in wrong
                if row.id in now and (now[row.id].version, now[row.id].remote_id) == (row.version, row.remote_id)
            ]
            older = [row for row, record in same if row.version is not None and record.version < row.version]
            for row in older:  # the CRM itself went back, from a backup: what it holds is what is there now
                row.version = None
            bindings.save(connection, older)
            for row, _ in same:  # also where nobody has changed anything there: what was not written has to be
                batch.want(mapping.of, row.subject_id)
            hear_records(batch, [as_changed(record) for _, record in same])
            self.counts["heard"] += len(same)

    def _apply(self, events: Sequence[RecordChanged | RecordDeleted]) -> None:
        with self.world.store.writing() as connection:
            hear_records(Batch(self.world, self.live, connection, 4 * len(events) + 16), events)

    def _let_go(self) -> None:
        """What is missing counts as deleted there, unless it is so much that a person should look."""
        if not self._missing or self.counts["missing"] > self.live.options.delete_cap:
            return
        now = self.world.clock.now()
        with self.world.store.reading() as connection:
            rows = {row.id: row for row in bindings.load(connection, [binding for _, binding in self._missing])}
        gone = [(name, rows[one].remote_id) for name, one in self._missing if one in rows]
        self._apply([RecordDeleted(object=name, id=id_, at=now) for name, id_ in gone if id_])
        self.counts["heard"] += len(gone)
