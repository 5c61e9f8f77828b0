"""Waiting until nothing moves any more: at the vendor, in the daemon, between it and the CRM."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define

from crocevia_demo.company import Company, DemoError

_LOOK_S = 0.1
_CYCLES = 2
_OPEN = re.compile(r'crocevia_(leaves\{.*term="(pending|unparsed)"|wanted\{.*term="pending").*\}')
_PARKED = re.compile(r'crocevia_wanted\{.*term="unknown".*what="commands".*\}')


@define
class Rest:
    """Looks at a company. `tell` is told what is being waited for."""

    company: Company
    tell: Callable[[str], None]

    def wait(self, within_s: float) -> bool:
        """Wait for rest: all delivered, all settled, and full poll cycles of the CRM that write nothing.

        Returns whether it came in time.

        Raises:
            DemoError: the daemon does not stay up.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.company.hopeless:
                raise DemoError(self.company.hopeless)
            waits = self._waits()
            if not waits and self._cycles_without_writing(deadline):
                return True
            self.tell(waits or "looking whether the CRM is left alone")
            time.sleep(_LOOK_S)
        return False

    def unknown(self) -> int:
        """How many messages may or may not have gone out."""
        figures = self.company.daemon.figures() or {}
        return sum(int(value) for name, value in figures.items() if _PARKED.fullmatch(name))

    def _waits(self) -> str:
        """What is still under way; "" when nothing is."""
        state = self.company.vendor.state()
        if not state["idle"] or state["undelivered"] or state["leaves_waiting"]:
            return f"{state['undelivered'] + state['leaves_waiting']} deliveries"
        if self.company.town.state()["undelivered"] or not self.company.social.is_idle():
            return "the other roads' deliveries"
        figures = self.company.daemon.figures()
        if figures is None:
            return "the daemon"
        left = sum(int(value) for name, value in figures.items() if _OPEN.fullmatch(name))
        return f"{left} things in the daemon" if left else ""

    def _cycles_without_writing(self, deadline: float) -> bool:
        """Whether the CRM is polled in full, more than once, and not written to."""
        after = self.company.org.last_call()
        while time.monotonic() < deadline:
            calls = [call for call in self.company.org.calls(after) if call["api"]]
            if any(call["write"] for call in calls):
                return False
            # one poll of contacts and one of interactions make a cycle; the first may have begun before
            if len(calls) >= 2 * _CYCLES + 1:
                return not self._waits()
            time.sleep(_LOOK_S)
        return False


_MESSAGE = re.compile(r"message (i[a-z2-7]{26})")


@define
class Operator:
    """The person who looks after messages of which nobody knows whether they went out."""

    company: Company

    def unknown(self) -> dict[str, str]:
        """Those messages: our id -> the dead letter's number."""
        done = self.company.command("dead", "list", "--connection", "whatsapp", "--json")
        if done.returncode != 0:
            raise DemoError(f"crocevia dead list failed: {done.stderr.strip()[-300:]}")
        letters = [letter for letter in json.loads(done.stdout) if letter["error"].startswith("OutcomeUnknownError")]
        shown = [(_MESSAGE.search(letter["message"]), str(letter["id"])) for letter in letters]
        return {message[1]: letter for message, letter in shown if message}

    def resend(self, received: Mapping[str, Any]) -> list[str]:
        """Send again, by hand, what the vendor's own record shows never came; return the ids of those messages.

        Args:
            received: What the vendor took, by our message's id.
        """
        again = {message: letter for message, letter in self.unknown().items() if message not in received}
        if again:
            self.company.command("dead", "replay", "--yes", *again.values())
        return sorted(again)


def status(company: Company) -> dict[str, Any]:
    """What `crocevia status --json` says."""
    done = company.command("status", "--json")
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        raise DemoError(f"crocevia status failed: {done.stderr.strip()[-300:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
