"""The town: what customers do on its roads, and where the daemon finds them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from crocevia_demo.town.book import Book
from crocevia_demo.town.deliveries import Deliveries
from crocevia_demo.town.exchange import Exchange
from crocevia_demo.town.post import Post
from crocevia_demo.town.telephone import Telephone


def derived(secret: str, what: str) -> str:
    """One of the town's passwords; who knows the secret knows them all."""
    return hmac.digest(secret.encode(), what.encode(), "sha256").hex()[:32]


def account(secret: str) -> str:
    """The company's account at the telephone company."""
    return "AC" + derived(secret, "account")


@frozen
class Town:
    """Everything that is played, opened. `ports`: of IMAP, SMTP and AMI."""

    telephone: Telephone
    post: Post
    exchange: Exchange
    deliveries: Deliveries
    ports: Mapping[str, int]

    @classmethod
    def open(cls, ledger: Path, hooks: str, secret: str) -> Self:
        """Open the roads; what is pushed goes to `<hooks>/sms`."""
        book, deliveries = Book(ledger), Deliveries()
        telephone = Telephone(
            account=account(secret),
            token=derived(secret, "sms"),
            texts_url=f"{hooks}/sms",
            book=book,
            deliveries=deliveries,
        )
        post = Post(derived(secret, "email"), book)
        exchange = Exchange(derived(secret, "phone"), book)
        imap, smtp = post.open()
        return cls(telephone, post, exchange, deliveries, {"imap": imap, "smtp": smtp, "ami": exchange.open()})

    def deed(self, what: str, said: Mapping[str, Any]) -> str | None:
        """Let a customer do something; the id of what it makes, None for what nobody does."""
        match what:
            case "texts":
                return self.telephone.text(said["from"], said["text"])
            case "calls":
                return self.exchange.call(said["from"], int(said["seconds"]))
            case "mails":
                return self.post.bring(said["from"], said["subject"], said["text"])
        return None

    def state(self) -> dict[str, Any]:
        """What is still under way."""
        waiting = self.deliveries.undelivered
        return {"idle": not waiting, "undelivered": waiting, "heard": self.exchange.is_heard, "ports": dict(self.ports)}
