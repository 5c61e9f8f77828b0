"""What a SOQL statement is made of."""

from __future__ import annotations

from attrs import frozen


@frozen
class Path:
    """A field, with the relationships that lead to it; ``at`` is its offset in the statement."""

    names: tuple[str, ...]
    at: int

    def __str__(self) -> str:
        """Return the path as it was written."""
        return ".".join(self.names)


@frozen
class Literal:
    """A value. Kinds: string, number, boolean, null, date, datetime, keyword (``LAST_N_DAYS:3``)."""

    kind: str
    text: str
    at: int


@frozen
class Aggregate:
    """An aggregate function; the argument is None only in ``COUNT()``."""

    function: str
    argument: Path | None
    alias: str | None
    at: int


@frozen
class Fields:
    """``FIELDS(ALL | STANDARD | CUSTOM)``."""

    kind: str
    at: int


@frozen
class TypeOf:
    """``TYPEOF relationship WHEN type THEN fields ... ELSE fields END``."""

    relationship: str
    branches: tuple[tuple[str, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]
    at: int


@frozen
class Comparison:
    """One field against one value; operators in capitals."""

    left: Path | Aggregate
    operator: str
    right: Literal


@frozen
class Membership:
    """``IN``, ``NOT IN``, ``INCLUDES`` or ``EXCLUDES`` against values or a semi-join."""

    left: Path
    operator: str
    values: tuple[Literal, ...] | Query


@frozen
class Logic:
    """Conditions joined by AND or OR."""

    operator: str
    items: tuple[Condition, ...]


@frozen
class Negation:
    """NOT."""

    item: Condition


@frozen
class Order:
    """One element of ORDER BY."""

    by: Path | Aggregate
    descending: bool
    nulls_last: bool | None


@frozen
class Query:
    """A whole statement, or one in parentheses."""

    select: tuple[Path | Aggregate | Fields | TypeOf | Query, ...]
    source: str
    source_at: int
    alias: str | None
    where: Condition | None
    group: tuple[Path, ...]
    having: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int | None
    at: int


Condition = Comparison | Membership | Logic | Negation
