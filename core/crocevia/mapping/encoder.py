"""Encoding with all lenses of a mapping at once; it runs for every record that is pushed, so it is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from crocevia.mapping.codec import AS_IS
from crocevia.mapping.lens import UNFIT, Canonical, Lens, Plain


class _Field(NamedTuple):
    """A plain lens, taken apart. `to_remote` None: as it is."""

    name: str
    remote: str
    to_remote: Callable[[Any], Any] | None
    default: Any
    limit: int | None


class Encoder:
    """What `lens.encode` of each lens gives, put together; later lenses win.

    Args:
        lenses: In order. Those that are never written are left out.
    """

    def __init__(self, lenses: Iterable[Lens]) -> None:
        self._steps: list[list[_Field] | Lens] = []
        for lens in lenses:
            if lens.direction == "from crm":
                continue
            if type(lens) is not Plain or not lens.as_it_comes:  # a class of its own may encode as it likes
                self._steps.append(lens)
                continue
            if not self._steps or isinstance(self._steps[-1], Lens):
                self._steps.append([])
            run = self._steps[-1]
            assert isinstance(run, list)  # noqa: S101 - it was just put there
            run.append(_taken_apart(lens))

    def __call__(self, canonical: Canonical) -> dict[str, Any]:
        """The remote values of a canonical record."""
        values: dict[str, Any] = {}
        for step in self._steps:
            if isinstance(step, list):
                _put(step, canonical, values)
            else:
                values.update(step.encode(canonical))
        return values


def _taken_apart(lens: Plain) -> _Field:
    to_remote = None if lens.codec is AS_IS else lens.codec.to_remote
    return _Field(lens.name, lens.field, to_remote, lens.default, lens.limits.get(lens.field))


def _put(fields: list[_Field], canonical: Mapping[str, Any], values: dict[str, Any]) -> None:
    """As `Plain.encode` does: None becomes the default, absent and unfit are left out."""
    for name, remote, to_remote, default, limit in fields:
        value = canonical.get(name)
        if value is None:
            if default is None and name not in canonical:
                continue
            value = default
        elif to_remote is not None:
            try:
                value = to_remote(value)
            except UNFIT:
                continue  # the CRM keeps what it has; see `Plain.unwritable`
        if limit is not None and isinstance(value, str) and len(value) > limit:
            value = value[:limit].rstrip()
        values[remote] = value
