"""How far each folder has been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from attrs import evolve, field, frozen

from crocevia_email.mailbox import Selected


@frozen
class Mark:
    """Of one folder: all mails up to `uid` were read while its UIDs had this validity; the last came on `day`."""

    validity: int
    uid: int
    day: date


@frozen
class Cursor:
    """Marks by folder. As text: `{"INBOX": [1732200000, 17, "2026-11-22"]}`."""

    marks: Mapping[str, Mark] = field(factory=dict)

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """From its text; what is no mark is left out, and its folder begins anew."""
        try:
            found = json.loads(text) if text else {}
            items = found.items() if isinstance(found, dict) else ()
            return cls({str(name): Mark(int(one[0]), int(one[1]), date.fromisoformat(one[2])) for name, one in items})
        except (ValueError, TypeError, LookupError):
            return cls()

    @property
    def text(self) -> str:
        """For `RawPage.cursor`."""
        return json.dumps(
            {name: [mark.validity, mark.uid, mark.day.isoformat()] for name, mark in sorted(self.marks.items())}
        )

    def at(self, folder: str, mark: Mark) -> Cursor:
        """With one folder's mark moved."""
        return evolve(self, marks={**self.marks, folder: mark})

    def is_at_end(self, folder: str, said: Selected) -> bool:
        """Whether the folder has nothing new, by what the server says of it."""
        mark = self.marks.get(folder)
        return (
            mark is not None
            and mark.validity == said.validity
            and said.next_uid is not None
            and said.next_uid <= mark.uid + 1
        )
