"""Access and refresh tokens of the org's users."""

from __future__ import annotations

import secrets
from datetime import timedelta

from attrs import define

from crocevia_salesforce.simulator.clock import Clock
from crocevia_salesforce.simulator.database import Database

_TABLE = (
    "CREATE TABLE IF NOT EXISTS sim_sessions "
    "(token TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT NOT NULL, ends REAL NOT NULL)"
)
_REFRESH_DAYS = 365


@define
class Sessions:
    """Tokens by kind: ``access`` ends after the session's time, ``refresh`` is good for one use."""

    database: Database
    clock: Clock
    org_id: str
    seconds: int

    def __attrs_post_init__(self) -> None:
        """Make the table."""
        self.database.execute(_TABLE)

    def open(self, user_id: str) -> str:
        """Return a new access token for a user."""
        token = f"{self.org_id[:15]}!{secrets.token_urlsafe(72)}"
        self._keep(token, "access", user_id, timedelta(seconds=self.seconds))
        return token

    def refresh_token(self, user_id: str) -> str:
        """Return a new refresh token for a user."""
        token = "5Aep861" + secrets.token_urlsafe(60)
        self._keep(token, "refresh", user_id, timedelta(days=_REFRESH_DAYS))
        return token

    def _keep(self, token: str, kind: str, user_id: str, life: timedelta) -> None:
        ends = (self.clock.now() + life).timestamp()
        self.database.execute("INSERT INTO sim_sessions VALUES (?, ?, ?, ?)", (token, kind, user_id, ends))

    def user_of(self, token: str) -> str | None:
        """Return whose living access token it is, or None."""
        sql = "SELECT user_id FROM sim_sessions WHERE token = ? AND kind = 'access' AND ends > ?"
        found = self.database.one(sql, (token, self.clock.now().timestamp()))
        return found[0] if found else None

    def life_of(self, token: str) -> tuple[str, str, float] | None:
        """Return kind, user and end (seconds since 1970) of a living token, or None."""
        sql = "SELECT kind, user_id, ends FROM sim_sessions WHERE token = ? AND ends > ?"
        found = self.database.one(sql, (token, self.clock.now().timestamp()))
        return tuple(found) if found else None

    def redeem(self, token: str) -> str | None:
        """Return whose refresh token it is, and end it: tokens rotate."""
        sql = "DELETE FROM sim_sessions WHERE token = ? AND kind = 'refresh' AND ends > ? RETURNING user_id"
        found = self.database.execute(sql, (token, self.clock.now().timestamp())).fetchall()
        return found[0][0] if found else None

    def end(self, token: str | None = None) -> None:
        """End one access or refresh token, or all access tokens."""
        if token is None:
            self.database.execute("DELETE FROM sim_sessions WHERE kind = 'access'")
        else:
            self.database.execute("DELETE FROM sim_sessions WHERE token = ?", (token,))
