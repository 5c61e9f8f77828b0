"""Our keys in Odoo, as external ids (`ir.model.data`): nothing is installed there, and no field is added.

Two rows a record, both in the module `__crocevia__`, as `__import__` and `__export__` are Odoo's own:

- `KEY`, made by `load` in the transaction that makes the record. The database holds it unique, so a create that is
  made twice makes one record.
- `at_ID__KEY`, which says at which record the key was given. Odoo's merge moves the rows of the loser to the survivor
  (14.0, `base_partner_merge.py`, `_update_reference_fields`), so a row whose ID is not its record's is a merge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from crocevia.errors import RejectedError
from crocevia_odoo.rpc import Rpc

MODULE = "__crocevia__"
_DATA = "ir.model.data"
_AT = "at_"
_MOST = 1_000


class Registry:
    """External ids of one database in our module."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def keys(self, model: str, ids: Collection[int]) -> dict[int, str]:
        """`{record: our key}`: its own, else the one that came to it; records that carry none are left out.

        One comes by a merge, where the survivor had none, and where the call that says where it was given was lost.
        """
        plain: dict[int, list[str]] = {}
        found: dict[int, str] = {}
        for name, record in self._rows(model, "res_id", sorted(ids)):
            at, key = _parted(name)
            if at is None:
                plain.setdefault(record, []).append(key)
            elif at == record:
                found[record] = key
        return {record: keys[0] for record, keys in plain.items() if len(keys) == 1} | found

    def holders(self, model: str, keys: Collection[str]) -> dict[str, int]:
        """`{our key: record}`, the survivor's where the record was merged."""
        return dict(self._rows(model, "name", sorted(keys)))

    def survivors(self, model: str, ids: Collection[int]) -> dict[int, int]:
        """`{lost record: survivor}`; records that were just deleted are left out."""
        found: dict[int, int] = {}
        for some in chunks(sorted(ids), 50):
            patterns = [
                ["name", "=like", f"{_AT.replace('_', chr(92) + '_')}{id_}{chr(92)}_{chr(92)}_%"] for id_ in some
            ]
            domain = [*_ours(model), *["|"] * (len(patterns) - 1), *patterns]
            for row in self._rpc.search_read(_DATA, domain, ["name", "res_id"]).result:
                lost, _ = _parted(row["name"])
                if lost is not None and lost != row["res_id"]:
                    found[lost] = row["res_id"]
        return found

    def certify(self, model: str, keys: Mapping[int, str]) -> None:
        """See to it that each record carries its key."""
        wanted = {_certificate(id_, key): id_ for id_, key in keys.items()}
        wanted |= {key: id_ for id_, key in keys.items()}
        for _ in range(2):
            there = self.holders(model, wanted)
            missing = [
                {"module": MODULE, "name": name, "model": model, "res_id": id_, "noupdate": True}
                for name, id_ in wanted.items()
                if name not in there
            ]
            if not missing:
                return
            try:
                self._rpc.call(_DATA, "create", missing)
            except RejectedError as error:
                if error.code != "ValidationError":  # not there a moment ago, and now it is: look again
                    raise
            else:
                return

    def _rows(self, model: str, field: str, values: Sequence[Any]) -> Iterator[tuple[str, int]]:
        for some in chunks(values, _MOST):
            domain = [*_ours(model), [field, "in", list(some)]]
            for row in self._rpc.search_read(_DATA, domain, ["name", "res_id"]).result:
                yield row["name"], row["res_id"]


def _ours(model: str) -> list[Any]:
    return [["module", "=", MODULE], ["model", "=", model]]


def _certificate(id_: int, key: str) -> str:
    return f"{_AT}{id_}__{key}"


def _parted(name: str) -> tuple[int | None, str]:
    """Of a certificate, the record at which the key was given; None of a plain key."""
    at, divided, key = name.removeprefix(_AT).partition("__")
    return (int(at), key) if name.startswith(_AT) and divided and at.isdecimal() else (None, name)


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The items, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
