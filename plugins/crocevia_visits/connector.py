"""Visits to a shop as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from crocevia import (
    Connector,
    Event,
    Finding,
    Ignored,
    ParseContext,
    Polls,
    Raw,
    RawPage,
    ReceivesWebhooks,
    Request,
    signatures,
)
from crocevia.errors import MalformedError, SignatureError
from crocevia_visits import files, rows
from crocevia_visits.settings import Settings
from crocevia_visits.visit import event


class Visits(Connector[Settings], ReceivesWebhooks, Polls):
    """Receipts of a shop's tills, from CSV files or by HTTP (CSV, a JSON list, one JSON object).

    An interaction's key is shop, till and number of the receipt: each counts once, however often it comes.
    """

    kind = "visits"
    verified_against = "assumption"

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """An HMAC of the body or a token, by the secret or the next one."""
        settings = self.settings
        secrets = [secret for secret in (settings.secret, settings.next_secret) if secret is not None]
        failure = SignatureError("no `secret` is set: visits come by file alone")
        for secret in secrets:
            try:
                if settings.proof == "token":
                    signatures.token(request, header=settings.header, secret=secret)
                else:
                    signatures.hmac_sha256(request, header=settings.header, secret=secret)
            except SignatureError as error:
                failure = error
            else:
                return
        raise failure

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one unrecognised, for each row."""
        found = rows.rows(raw, self.settings)
        return [event(row, self.settings) for row in found] or [Ignored(reason="a table without rows")]

    def leaves(self, raw: Raw) -> list[str]:
        """Each row."""
        return [row.pointer for row in rows.rows(raw, self.settings)] or [""]

    def poll(self, cursor: str | None) -> RawPage:
        """What the tills have written into their files since."""
        return files.page(self.settings, self.connection, self.clock.now(), cursor)

    def check(self) -> Iterator[Finding]:
        """Whether there are files, whether they can be read, and whether they have the columns that are needed."""
        settings = self.settings
        if settings.files is None and settings.secret is None:
            yield Finding(level="problem", what="files", do="nothing can come in: set `files`, or `secret` for HTTP")
        if settings.files is None:
            return
        found = files.found(settings)
        if not found:
            yield Finding(level="warning", what=f"files {settings.files}", do="no file is there yet")
        yield from map(self._looked_at, found)

    def _looked_at(self, path: Path) -> Finding:
        try:
            with path.open("rb") as file:
                first = rows.text(file.readline(files.LONGEST_ROW_BYTES), self.settings)
            headings = first.strip().split(rows.delimiter(first, self.settings))
            rows.expect_headings([heading.strip('"') for heading in headings], self.settings)
        except OSError as error:
            return Finding(level="problem", what=path.name, do=f"it cannot be read ({error.strerror})")
        except MalformedError as error:
            return Finding(level="problem", what=path.name, do=str(error))
        return Finding(level="ok", what=path.name)
