"""A shop's side: a till that writes its receipts into a file of its own."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve

from crocevia import Connector
from crocevia.testing import FakeClock, Peer

_HEADINGS = "receipt,till,shop,date,amount,items\n"


class TillPeer(Peer):
    """One till, with a file for each hundred receipts."""

    without: ClassVar = {"down": "a file is on this machine's disk"}

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.folder = Path(tempfile.mkdtemp(prefix="crocevia-till-"))
        self._receipts = 0

    def close(self) -> None:
        """Throw the file away."""
        shutil.rmtree(self.folder)

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One that reads the till's files."""
        settings = evolve(self.settings, files=self.folder / "*.csv")
        return cls(settings, connection="suite", clock=self.clock)

    def both_secrets(self, fresh: Any) -> Any:
        """While the tills are changed one by one."""
        return evolve(self.settings, next_secret=fresh.secret)

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> list[str]:
        """Receipts of one moment, some in each of three files."""
        found = []
        for _ in range(count):
            self._receipts += 1
            path = self.folder / f"till-{self._receipts % 3}.csv"
            row = f"{self._receipts},3,Roma,{self.clock.now().isoformat()},9.99,1\n"
            path.write_text((path.read_text() if path.exists() else _HEADINGS) + row)
            found.append(f"Roma/3/{self._receipts}")
        return found
