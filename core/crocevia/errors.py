"""Errors are decisions: each class says what the core does about it.

    CroceviaError
    ├── ConfigError             a setting is wrong: refuse to start, say path, expected, got
    ├── PluginError             a plugin failed: it is recorded and left out, the others run
    ├── StoreError              the store cannot take or give rows now
    │   └── LeaseLostError      another worker owns this lane now: stop at once, write nothing
    ├── RefusedError            what was asked for cannot be done as things are: say why and what to do first
    ├── MalformedError          a raw is not this vendor's format: quarantine it, replayable
    ├── SignatureError          a webhook is not authentic: 401, nothing is kept
    └── RemoteError             something a vendor answered, or did not
        ├── RetryableError      nothing happened: again, after `after`
        │   └── UnderwayError   the vendor has taken it and works it off: asked again after `after`, which costs no try
        ├── ThrottledError      too fast: again after `after`, all of `scope` waits
        ├── AuthError           reauthorise: the connection pauses, its queue is kept
        ├── RejectedError       this record only: quarantined, replayable
        ├── GoneError           the remote record was deleted, or merged into `survivor`
        ├── DuplicateError      the remote refuses a double of `candidates`
        ├── ConflictError       the remote holds a newer version
        ├── SchemaDriftError    a field is not as described: quarantine `fields`, not the sync
        ├── UndeliverableError  this customer cannot be reached so: blocked, window closed
        │   └── OptedOutError   the customer does not want it: nothing of that kind is sent there again
        └── OutcomeUnknownError the call may have happened: look it up, never blindly repeat

The remote errors serve twice: raised for a whole call, or returned as one item's outcome of a batch.
A message names the connection, our id, the remote id and the next step; never a payload, never a secret.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path


class CroceviaError(Exception):
    """Root of everything Crocevia raises on purpose."""


class ConfigError(CroceviaError):
    """A setting is missing or wrong. `problems` has one line each: path, expected, got."""

    def __init__(self, *problems: str) -> None:
        self.problems: tuple[str, ...] = problems
        super().__init__("\n".join(problems))


class PluginError(CroceviaError):
    """A plugin could not be loaded or used."""


class StoreError(CroceviaError):
    """The store cannot take or give rows now: disk full, locked past the bound, unreachable."""


class LeaseLostError(StoreError):
    """Another worker took this lane over; what this one holds must not be written."""


class RefusedError(CroceviaError):
    """What a person or a program asked for cannot be done as things are; nothing was changed."""


class MalformedError(CroceviaError):
    """A raw is not the vendor's format at all: no JSON, no envelope, duplicate keys, too deep."""


class SignatureError(CroceviaError):
    """A webhook's signature is missing or wrong; the caller answers 401."""


class RemoteError(CroceviaError):
    """A vendor's answer, or the lack of one, as a decision.

    Args:
        message: What happened and the next step; no payload, no secret.
        code: The vendor's own code where it has one (`"UNABLE_TO_LOCK_ROW"`, `"131047"`).
        status: The HTTP status where there was one.
    """

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class RetryableError(RemoteError):
    """Nothing happened; try again, not before `after` (None: the core's own backoff)."""

    def __init__(
        self, message: str, *, after: timedelta | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.after = after


class UnderwayError(RetryableError):
    """The vendor has taken it and works it off by itself: ask again after `after`. It costs no try."""


class ThrottledError(RetryableError):
    """Too many calls. Everything of `scope` ("connection" or an operation's name) waits `after`."""

    def __init__(
        self,
        message: str,
        *,
        after: timedelta | None = None,
        scope: str = "connection",
        code: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, after=after, code=code, status=status)
        self.scope = scope


class AuthError(RemoteError):
    """The credentials are not, or no longer, good. The connection pauses; its queue is kept."""


class RejectedError(RemoteError):
    """The vendor refuses this record or message for good. Quarantined, replayable after a fix."""


class GoneError(RemoteError):
    """The remote record is deleted, or was merged into `survivor` (its id; None: just deleted)."""

    def __init__(
        self, message: str, *, survivor: str | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.survivor = survivor


class DuplicateError(RemoteError):
    """The vendor sees a double of one or more records (`candidates`: their ids, best first)."""

    def __init__(
        self, message: str, *, candidates: Sequence[str] = (), code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.candidates = tuple(candidates)


class ConflictError(RemoteError):
    """A conditional write found a newer remote version: read, judge, write again."""


class SchemaDriftError(RemoteError):
    """Remote `fields` are gone or changed type; they are quarantined, the sync goes on."""

    def __init__(
        self, message: str, *, fields: Sequence[str] = (), code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.fields = tuple(fields)


class UndeliverableError(RemoteError):
    """A message cannot reach this customer on this road: blocked, window closed."""


class OptedOutError(UndeliverableError):
    """The vendor says that the customer asked not to be written to; it is remembered as his word."""


class OutcomeUnknownError(RemoteError):
    """The call may have happened: settled by a look-up, or parked; never blindly repeated."""


def where(error: BaseException) -> str:
    """The innermost place of an error, without values: `"module.py:12 in function"`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
