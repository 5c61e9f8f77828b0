"""Calls, heard over ARI's WebSocket."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from attrs import define, field
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from crocevia import Http
from crocevia.errors import AuthError, OutcomeUnknownError, RejectedError, RetryableError
from crocevia_asterisk.ari_words import AriWords
from crocevia_asterisk.exchange import MOST_UNKNOWN
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.told import Told

OPEN_TIMEOUT_S = 5.0
MAX_EVENT_BYTES = 1024 * 1024
MOST_EVENTS = 500
_UNAUTHORISED = (401, 403)


def authorisation(settings: Settings) -> dict[str, str]:
    """The header that every call of ARI carries."""
    pair = f"{settings.ari_user}:{settings.ari_secret.reveal()}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"} if settings.ari_user else {}


@define(eq=False)
class AriExchange:
    """Calls of every channel, as one Stasis application hears them.

    Args:
        http: Calls ARI, with its authorisation.
        now_s: The time, in seconds since 1970.
    """

    settings: Settings
    connection: str
    http: Http
    now_s: Callable[[], float]
    _words: AriWords = field(init=False)
    _socket: ClientConnection = field(init=False)
    _opened: ExitStack = field(factory=ExitStack, init=False)
    _unknown: list[dict[str, Any]] = field(factory=list, init=False)

    def __enter__(self) -> Self:
        base = self.settings.base_url.replace("http", "ws", 1)
        url = f"{base}/events?app={quote(self.settings.ari_app, safe='')}&subscribeAll=true"
        self._words = AriWords(recording_variables=self.settings.recording_variables)
        try:
            opening = connect(
                url,
                additional_headers=authorisation(self.settings),
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=1,
                max_size=MAX_EVENT_BYTES,
                proxy=None,
            )
            self._socket = self._opened.enter_context(opening)
        except InvalidStatus as error:
            status = error.response.status_code
            if status in _UNAUTHORISED:
                said = f"{self.connection}: ARI refuses {self.settings.ari_user!r}: look at ari_user and ari_secret"
                raise AuthError(said, status=status) from error
            said = f"{self.connection}: ARI answered {status}: is base_url right, res_ari_events loaded?"
            raise RetryableError(said, status=status) from error
        except (OSError, InvalidHandshake) as error:
            said = f"{self.connection}: no ARI at {self.settings.base_url} ({type(error).__name__})"
            raise RetryableError(said) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.close()

    def channels(self) -> list[Told]:
        """Asked over HTTP; the linked id of each is a call of its own."""
        now, found = self.now_s(), []
        bridges = {id_: one["id"] for one in self.http.get("/bridges") for id_ in one.get("channels", ())}
        listed = self.http.get("/channels")
        self._words.forget({str(channel["id"]) for channel in listed})
        for channel in listed:
            id_ = str(channel["id"])
            linked = self._linked(id_)
            if linked is not None:
                found.append(self._words.shown(channel, linked, bridges.get(id_, ""), now))
        return found

    def _linked(self, id_: str) -> str | None:
        """None: the channel is gone meanwhile."""
        path = f"/channels/{quote(id_, safe='')}/variable"
        answer = self.http.request("GET", path, params={"variable": "CHANNEL(linkedid)"})
        if not answer.ok:
            return None
        value = answer.json().get("value")
        return value if isinstance(value, str) and value else id_

    def heard(self, timeout_s: float) -> list[Told]:
        """Events, as they come."""
        found: list[Told] = []
        for _ in range(MOST_EVENTS):
            try:
                text = self._socket.recv(timeout=0 if found else timeout_s)
            except TimeoutError:
                break
            except ConnectionClosed as error:
                if found:
                    break  # told next time, when these are kept
                raise RetryableError(
                    f"{self.connection}: ARI closed the stream; is the application used twice?"
                ) from error
            found.extend(self._told(text))
        return found

    def unknown(self) -> list[dict[str, Any]]:
        """Events of types that nobody knows."""
        found, self._unknown = self._unknown, []
        return found

    def _told(self, text: str | bytes) -> list[Told]:
        try:
            event = json.loads(text)
        except ValueError:
            return []
        if not isinstance(event, dict):
            return []
        if not self._words.knows(event) and len(self._unknown) < MOST_UNKNOWN:
            self._unknown.append({**event, "Event": event.get("type")})
        return list(self._words.told(event, self.now_s()))


def originate(http: Http, connection: str, channel_id: str, said: Mapping[str, Any]) -> None:
    """Have a telephone ring, that goes on to a number; under an id of ours, which ARI takes once at a time.

    Raises:
        RetryableError, OutcomeUnknownError: as for any call.
        RejectedError: the exchange refuses.
    """
    answer = http.request("POST", f"/channels/{quote(channel_id, safe='')}", json=said)
    if answer.ok:
        answer.json()  # the channel: a proxy's page says nothing of it
        return
    if answer.status in _UNAUTHORISED:
        raise AuthError(f"{connection}: ARI refuses the user: look at ari_user, and read_only in ari.conf")
    if answer.status >= 500:
        raise OutcomeUnknownError(
            f"{connection}: ARI answered {answer.status}: the call may be made", status=answer.status
        )
    if answer.status == 409:
        return  # the channel is there: an earlier try of ours
    said_by = f"{connection}: ARI refuses the call ({answer.status}): look at agent, agents and dial_context"
    raise RejectedError(said_by, status=answer.status)
