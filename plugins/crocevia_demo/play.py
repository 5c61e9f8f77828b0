"""A whole day: played, brought to rest, checked and reported."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field

from crocevia_demo import ledgers
from crocevia_demo.checks import Check, Evidence, answers, checks, outcome
from crocevia_demo.company import Company
from crocevia_demo.day import Day, Deed
from crocevia_demo.journey import Journey
from crocevia_demo.player import Player
from crocevia_demo.rest import Operator, Rest, status

_REST_S = 60.0
_ROUNDS = 5
_LONGEST_DELAY_S = 0.6
_TERMS = ("wanted", "applied", "pending", "unknown", "review", "dead", "blocked")


@define
class Killer:
    """Kills the daemon so many times, at moments that the seed decides: some while after a deed."""

    company: Company
    day: Day
    kills: int
    done: int = 0
    _plan: list[tuple[int, float]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        chance = random.Random(f"{self.day.seed} kills")  # noqa: S311 - a seed makes it repeatable
        moments = [
            (chance.randrange(len(self.day.deeds) or 1), chance.uniform(0, _LONGEST_DELAY_S)) for _ in range(self.kills)
        ]
        self._plan = sorted(moments, reverse=True)

    def look(self, played: int) -> None:
        """Kill when it is time: the delay is slept here, so that a kill falls anywhere in what a deed set off."""
        while self._plan and self._plan[-1][0] <= played:
            _, delay_s = self._plan.pop()
            time.sleep(delay_s)
            self.company.kill()
            self.done += 1


@define
class Play:
    """Plays a day in a company; `tell` is told what is going on, `progress` each deed."""

    company: Company
    day: Day
    tell: Callable[[str], None]
    progress: Callable[[Deed], None]
    kills: int = 0

    def run(self) -> dict[str, Any]:
        """Play, wait, check; return the report.

        Raises:
            DemoError: the daemon does not stay up.
            requests.RequestException: a simulator is gone.
        """
        began = time.monotonic()
        company = self.company
        player = Player(self.day, company.vendor, company.org)
        killer = Killer(company, self.day, self.kills)
        player.before()

        def each(deed: Deed) -> None:
            killer.look(player.played)
            self.progress(deed)

        player.play(each)
        killer.look(len(self.day.deeds))
        journey = Journey(company, self.tell)
        journey.play(company.ledger)
        played_s = time.monotonic() - began
        rested, resent = self._to_rest()
        seen = ledgers.read(company.ledger)
        found = status(company)
        parked = found["connections"]["whatsapp"]["commands"]["unknown"]
        unknown = frozenset(Operator(company).unknown()) if parked else frozenset()
        evidence = Evidence(seen, player, found, unknown, frozenset(resent), journey)
        results = [
            Check(
                "it came to rest, and a further poll wrote nothing", [] if rested else [f"not within {_REST_S:.0f} s"]
            ),
            *checks(evidence),
        ]
        return {
            **self._figures(evidence, results, killer.done),
            "resent": resent,
            "seconds": {"played": round(played_s, 1), "whole": round(time.monotonic() - began, 1)},
        }

    def _to_rest(self) -> tuple[bool, list[str]]:
        """Wait for rest; what was never sent is sent again by hand, and then it must rest once more."""
        rest = Rest(self.company, self.tell)
        resent: list[str] = []
        rested = rest.wait(_REST_S)
        for _ in range(_ROUNDS):
            if not rested or not rest.unknown():
                break
            self.tell("looking after messages that may not have gone out")
            again = Operator(self.company).resend(ledgers.read(self.company.ledger).replies)
            if not again:
                break
            resent += again
            rested = rest.wait(_REST_S)
        return rested, sorted(set(resent))

    def _figures(self, evidence: Evidence, results: list[Check], kills: int) -> dict[str, Any]:
        told = {id_: outcome(answer, evidence) for id_, answer in answers(evidence.ledgers).items()}
        return {
            "passed": not any(check.wrong for check in results),
            "seed": self.day.seed,
            "kills": kills,
            "starts": self.company.starts,
            "connections": {name: _account(one) for name, one in evidence.status["connections"].items()},
            "interactions": evidence.status["interactions"],
            "profiles": evidence.status["profiles"],
            "replies": {
                became: sorted(id_ for id_, what in told.items() if what == became)
                for became in ("sent", "refused", "unknown", "lost")
            },
            "deeds": len(self.day.deeds),
            "checks": [check.as_dict() for check in results],
        }


def _account(one: dict[str, Any]) -> dict[str, Any]:
    """One connection's books: what came in, what is wanted, and of that records and commands apart."""
    records, commands = one["records"], one["commands"]
    return {
        "incoming": {term: count for term, count in one["incoming"].items() if term != "unparsed"},
        "outgoing": {term: records[term] + commands[term] for term in _TERMS},
        "records": records,
        "commands": commands,
        "balanced": one["balanced"],
    }
