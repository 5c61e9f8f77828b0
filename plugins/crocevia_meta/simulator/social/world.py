"""What has happened on the page and the account, and what is still to be told of it."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import define, field

from crocevia_meta.simulator.social.settings import SocialSettings

Place = Literal["page", "instagram"]


@define
class Comment:
    """What somebody said in public: a comment, or a visitor's post.

    Attributes:
        person: The author's id; None: the account itself.
        thread: The comment that it answers, or the post that it stands under.
        answered_in_private: A private answer goes once.
    """

    id: str
    place: Place
    person: str | None
    text: str
    at: float
    thread: str
    is_post: bool = False
    answered_in_private: bool = False


@define
class World:
    """Every method takes the lock, and wakes who delivers.

    Attributes:
        names: People, by id.
        said: Every message and comment of the account's, in order: `{"id", "place", "to", "text", "public", "said"}`.
        last_written: When each person last wrote in private (Unix seconds).
        losing: Of so many next messages of the business the answer is lost on the way (HTTP 502).
        waiting: Leaves that are not delivered yet: `(object, branch, leaf)`.
    """

    settings: SocialSettings
    now: Callable[[], float] = time.time
    webhook: str | None = None
    lock: threading.RLock = field(factory=threading.RLock)
    wake: threading.Event = field(factory=threading.Event)
    names: dict[str, str] = field(factory=dict)
    places: dict[str, Place] = field(factory=dict)
    comments: dict[str, Comment] = field(factory=dict)
    files: dict[str, list[str]] = field(factory=dict)
    said: list[dict[str, Any]] = field(factory=list)
    last_written: dict[str, float] = field(factory=dict)
    waiting: list[tuple[str, str, dict[str, Any]]] = field(factory=list)
    under_way: int = 0
    losing: int = 0
    chance: random.Random = field(init=False)
    _counted: int = 0

    def __attrs_post_init__(self) -> None:
        self.webhook = self.webhook or self.settings.webhook
        self.chance = random.Random(self.settings.seed)  # noqa: S311 - a seed makes a day repeatable

    # people

    def person(self, place: Place, name: str) -> str:
        """The id that this page or account has for somebody; made at the first word."""
        digest = hashlib.blake2b(f"{self.settings.seed}|{place}|{name}".encode(), digest_size=7).digest()
        id_ = str(10**15 + int.from_bytes(digest) % 10**15)
        with self.lock:
            self.names[id_], self.places[id_] = name, place
        return id_

    def message(self, place: Place, name: str, message: Mapping[str, Any]) -> str:
        """Let somebody write in private; return the `mid`."""
        with self.lock:
            person, mid = self.person(place, name), self.next_id("m_")
            self.last_written[person] = self.now()
            attachments = message.get("attachments", ())
            self.files[mid] = [attachment["payload"].get("url", "") for attachment in attachments]
            self.tell(place, self.private(place, person, {"message": {"mid": mid, **message}}))
            return mid

    def update(self, place: Place, name: str, what: Mapping[str, Any]) -> None:
        """Let somebody do something else in private: a reaction, a postback, a receipt."""
        self.tell(place, self.private(place, self.person(place, name), what))

    def comment(self, place: Place, name: str, text: str, under: str | None = None, *, post: bool = False) -> str:
        """Let somebody comment, answer a comment (`under`), or post on the page; return the id."""
        with self.lock:
            person = self.person(place, name)
            made = self._commented(place, person, text, under, is_post=post)
            return made.id

    def edit(self, comment: str, text: str) -> None:
        """Let a comment on the page be edited."""
        with self.lock:
            self.comments[comment].text = text
            self._feed(self.comments[comment], "edited")

    def remove(self, comment: str) -> None:
        """Let a comment or post on the page be removed."""
        with self.lock:
            self._feed(self.comments[comment], "remove")
            del self.comments[comment]

    # the business

    def answered(self, comment: Comment, text: str) -> str:
        """Take a public answer, which is told as any comment is."""
        with self.lock:
            made = self._commented(comment.place, None, text, comment.id)
            told = {"id": made.id, "place": comment.place, "to": comment.id, "text": text, "public": True}
            self.said.append({**told, "said": {"message": text}})
            return made.id

    def sent(self, place: Place, person: str, body: Mapping[str, Any]) -> str:
        """Take a private message: its echo and its receipts are owed."""
        with self.lock:
            mid, message = self.next_id("m_"), body["message"]
            told = {"id": mid, "place": place, "to": person, "text": message.get("text"), "public": False}
            self.said.append({**told, "said": dict(body)})
            kept = dict(message) if place == "page" else {k: v for k, v in message.items() if k != "metadata"}
            kept.pop("quick_replies", None)
            if "attachment" in kept:
                kept["attachments"] = [kept.pop("attachment")]
            self.tell(
                place, self.private(place, person, {"message": {"mid": mid, "is_echo": True, **kept}}, by_us=True)
            )
            if place == "page":
                receipt = {"delivery": {"mids": [mid], "watermark": self.ms()}}
                self.tell(place, self.private(place, person, receipt))
            else:
                self.tell(place, self.private(place, person, {"read": {"mid": mid}}))
            return mid

    def may_write(self, person: str) -> bool:
        """Whether somebody has written lately."""
        return self.now() - self.last_written.get(person, 0) < self.settings.window_s

    # what is told

    def private(
        self, place: Place, person: str, what: Mapping[str, Any], *, by_us: bool = False
    ) -> tuple[str, dict[str, Any]]:
        """One element of `messaging`."""
        us = {"id": self.account(place)}
        sides = (us, {"id": person}) if by_us else ({"id": person}, us)
        return "messaging", {"sender": sides[0], "recipient": sides[1], "timestamp": self.ms(), **what}

    def tell(self, place: Place, leaf: tuple[str, dict[str, Any]]) -> None:
        """Owe a leaf."""
        with self.lock:
            self.waiting.append((place, *leaf))
        self.wake.set()

    def due(self) -> list[bytes]:
        """Take what waits, bound into deliveries of several entries each."""
        with self.lock:
            waiting, self.waiting = self.waiting, []
            bodies: list[bytes] = []
            for place in ("page", "instagram"):
                mine = [(branch, leaf) for of, branch, leaf in waiting if of == place]
                while mine:
                    size = self.chance.randint(1, self.settings.most_leaves)
                    some, mine = mine[:size], mine[size:]
                    entries: list[dict[str, Any]] = []
                    for branch, leaf in some:
                        if not entries or branch not in entries[-1]:
                            entries.append({"id": self.account(place), "time": self.ms(), branch: []})
                        entries[-1][branch].append(leaf)
                    bodies.append(json.dumps({"object": place, "entry": entries}).encode())
            self.under_way += len(bodies)
            return bodies

    def done(self) -> None:
        """A delivery was acknowledged."""
        with self.lock:
            self.under_way -= 1

    def loses(self) -> bool:
        """Whether the answer to a message that was just taken is lost; each arranged loss is used up once."""
        with self.lock:
            self.losing -= (lost := self.losing > 0)
            return lost

    def idle(self) -> bool:
        """Whether nothing is owed."""
        with self.lock:
            return not self.waiting and not self.under_way

    def account(self, place: Place) -> str:
        """The id of the page or the account."""
        return self.settings.page_id if place == "page" else self.settings.instagram_id

    def ms(self) -> int:
        """Now, in Unix milliseconds."""
        return int(self.now() * 1000)

    def next_id(self, prefix: str = "") -> str:
        """An id that was never given."""
        with self.lock:
            self._counted += 1
            return f"{prefix}{10**14 + self.settings.seed * 10**9 + self._counted}"

    def _commented(
        self, place: Place, person: str | None, text: str, under: str | None, *, is_post: bool = False
    ) -> Comment:
        post = f"{self.settings.page_id}_{10**14}" if place == "page" else "17900000000000001"
        id_ = self.next_id(f"{self.settings.page_id}_" if is_post else f"{10**14}_" if place == "page" else "179")
        made = Comment(id_, place, person, text, self.now(), under or (id_ if is_post else post), is_post)
        self.comments[id_] = made
        if place == "page":
            self._feed(made, "add")
        else:
            by = {"id": person, "username": self.names[person]} if person else {"id": self.settings.instagram_id}
            value: dict[str, Any] = {"id": id_, "from": by, "text": text, "media": {"id": post}}
            value |= {"parent_id": under} if under else {}
            self.tell(place, ("changes", {"field": "comments", "value": value}))
        return made

    def _feed(self, comment: Comment, verb: str) -> None:
        page = {"id": self.settings.page_id, "name": self.settings.page_name}
        by = {"id": comment.person, "name": self.names[comment.person]} if comment.person else page
        post = comment.id if comment.is_post else f"{self.settings.page_id}_{10**14}"
        value: dict[str, Any] = {"item": "post" if comment.is_post else "comment", "verb": verb, "from": by}
        value |= {"post_id": post, "created_time": int(comment.at)}
        if not comment.is_post:
            value |= {"comment_id": comment.id, "parent_id": comment.thread}
        if verb != "remove":
            value["message"] = comment.text
        self.tell("page", ("changes", {"field": "feed", "value": value}))
