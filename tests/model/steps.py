"""What customers, colleagues, networks and power cuts do: each step a method, its choices drawn from one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from attrs import define, field

from crocevia.errors import GoneError, RetryableError
from crocevia.store.tables import profiles
from crocevia.testing import MemoryCRM
from tests.model import invariants
from tests.model.hub import Hub, fault_points, outside
from tests.model.oracle import PEOPLE, Answer, Oracle, Place

T = TypeVar("T")
TEXTS = ("Hello", "", "x" * 70, "due\nrighe", "🙂 ok")
NAMES = ("Ada", "Maria Anna", "de Luca", "Ada King", "Wolfeschlegelsteinhausenbergerdorff Senior", "O'Neil")
NUMBERS = ("+393331234501", "333 1234502", "+39 333 123 4504", "02 12345678", "+39 333 123 4505", "ask at the desk")
TAGS = (None, "vip", "alpha;beta", "beta", "gamma;alpha")
SECONDS = (0, 1, 5, 31, 90)


@define
class Dice:
    """Choices out of one number: the same number, the same choices; 0 is the first of everything."""

    number: int

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        self.number, spot = divmod(self.number, len(among))
        return among[spot]

    def spot(self, most: int) -> int:
        """A number below `most`."""
        self.number, spot = divmod(self.number, most)
        return spot


@define(eq=False)
class Day:
    """A day: the hub, the oracle, and what has happened, in words."""

    hub: Hub
    oracle: Oracle = field(factory=Oracle)
    story: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.hub.on_kill = self._died

    def play(self, step: str, number: int) -> None:
        """One step."""
        doing: Callable[[Dice], str | None] = getattr(self, step)
        told = doing(Dice(number))
        if told:
            self.story.append(f"{step}: {told}")
        self.hub.tick(1)

    def _died(self, point: str) -> None:
        self.story.append(f"  the process dies at {point}")
        self.oracle.ambiguous += point.startswith("send.")
        invariants.e_no_cursor_passes_what_is_kept(self.hub)

    # --- customers

    def write(self, dice: Dice) -> str:
        """A customer writes."""
        who, text = dice.pick(list(PEOPLE)), dice.pick(TEXTS)
        name, phone = PEOPLE[who]
        key = self.hub.chat.write(who, text, name=name, phone=phone)
        self.oracle.writes(key, who, text, self._stamp())
        return f"{who} writes {key} {text!r}"

    def edit(self, dice: Dice) -> str | None:
        """A customer edits a message."""
        if not self.oracle.said:
            return None
        key, text = dice.pick(list(self.oracle.said)), dice.pick(TEXTS)
        self.hub.chat.edit(key, text)
        self.oracle.said[key].edits.append((self._stamp(), text))
        return f"{key} becomes {text!r}"

    def remove(self, dice: Dice) -> str | None:
        """A customer takes a message back."""
        if not self.oracle.said:
            return None
        key = dice.pick(list(self.oracle.said))
        self.hub.chat.remove(key)
        self.oracle.said[key].removed = True
        return key

    def deliver(self, dice: Dice) -> str:
        """The channel posts a webhook, in any order."""
        self.hub.deliver(dice.spot(8))
        return f"{len(self.hub.acknowledged)} so far"

    def redeliver(self, dice: Dice) -> str | None:
        """The channel posts again what it was acknowledged before."""
        if not self.hub.acknowledged:
            return None
        again = self.hub.chat.signed(dice.pick(self.hub.acknowledged))
        return f"acknowledged: {self.hub.post(again)}"

    def _stamp(self) -> float:
        return self.hub.vendors.now().timestamp()

    # --- colleagues

    def _crm(self, dice: Dice) -> tuple[str, MemoryCRM]:
        name = dice.pick(list(self.hub.crms))
        return name, self.hub.crms[name]

    def _person(self, dice: Dice) -> tuple[Place, MemoryCRM] | None:
        name, crm = self._crm(dice)
        ids = list(crm.records())
        return ((name, dice.pick(ids)), crm) if ids else None

    def create(self, dice: Dice) -> str:
        """A colleague types a customer in."""
        connection, crm = self._crm(dice)
        name, number, tags = dice.pick(NAMES), dice.pick((*NUMBERS, None)), dice.pick(TAGS)
        values: dict[str, Any]
        if crm.lossy:
            values = {"name": name[:30], "reachable": [["mobile", number]] if number else []}
        else:
            values = {"last": name, "mobile": number}
        place = (connection, crm.create(**values, tags=tags))
        self.oracle.mixed.add(place)
        self.oracle.born.add(place)
        self._typed(place, crm, *values, "tags")
        return f"{place} {name!r} {number} {tags}"

    def rename(self, dice: Dice) -> str | None:
        """A colleague corrects a name."""
        if (found := self._person(dice)) is None:
            return None
        place, crm = found
        first, _, last = dice.pick(NAMES).rpartition(" ")
        values = {"name": f"{first} {last}".strip()[:30]} if crm.lossy else {"first": first or None, "last": last}
        return self._edit(place, crm, values)

    def tag(self, dice: Dice) -> str | None:
        """A colleague sets or clears the tags."""
        if (found := self._person(dice)) is None:
            return None
        return self._edit(*found, {"tags": dice.pick(TAGS)})

    def renumber(self, dice: Dice) -> str | None:
        """A colleague corrects or clears a number."""
        if (found := self._person(dice)) is None:
            return None
        place, crm = found
        number, slot = dice.pick((*NUMBERS, None)), dice.pick(("mobile", "phone"))
        before = crm.record(place[1])
        if crm.lossy:
            rows = [row for row in before["reachable"] or [] if row[0] != slot]
            for kind, text in before["reachable"] or []:
                if kind == slot:
                    self.oracle.took(place, text)
            return self._edit(place, crm, {"reachable": [*rows, [slot, number]] if number else rows})
        self.oracle.took(place, before[slot])
        return self._edit(place, crm, {slot: number})

    def meanwhile(self, dice: Dice) -> str | None:
        """A colleague edits just before our next write takes effect."""
        if (found := self._person(dice)) is None:
            return None
        place, crm = found
        tags = dice.pick(TAGS)

        def edit() -> None:
            if place[1] in crm.records():
                self._edit(place, crm, {"tags": tags})

        crm.trouble.meanwhile(edit)
        return f"{place} {tags}"

    def _edit(self, place: Place, crm: MemoryCRM, values: dict[str, Any]) -> str:
        crm.edit(place[1], **values)
        self._typed(place, crm, *values)
        return f"{place} {values}"

    def _typed(self, place: Place, crm: MemoryCRM, *names: str) -> None:
        held = crm.record(place[1])
        self.oracle.type(place, **{name: held[name] for name in names})
        for name in ("mobile", "phone"):
            self.oracle.holds(place, held.get(name))
        for _, text in held.get("reachable") or ():
            self.oracle.holds(place, text)

    def delete(self, dice: Dice) -> str | None:
        """A colleague deletes a customer."""
        if (found := self._person(dice)) is None:
            return None
        place, crm = found
        crm.delete(place[1])
        self.oracle.mixed.add(place)
        self.oracle.gone[place] = dict(self.oracle.typed.get(place, {}))
        for answer in self.oracle.answers.values():
            answer.sure = answer.sure and answer.person != place  # it may not have been read yet
        return str(place)

    def undelete(self, dice: Dice) -> str | None:
        """A colleague takes a customer out of the bin."""
        if not self.oracle.gone:
            return None
        place = dice.pick(sorted(self.oracle.gone))
        try:
            self.hub.crms[place[0]].undelete(place[1])
        except GoneError:
            return None
        self.oracle.type(place, **self.oracle.gone.pop(place))  # nobody may have seen it before
        return str(place)

    def merge(self, dice: Dice) -> str | None:
        """A colleague merges two customers in a CRM."""
        name, crm = self._crm(dice)
        ids = list(crm.records())
        if len(ids) < 2:
            return None
        loser = dice.pick(ids)
        survivor = dice.pick([id_ for id_ in ids if id_ != loser])
        self.oracle.merged_keys |= {key for id_ in (loser, survivor) if (key := crm.record(id_)["crocevia_key"])}
        crm.merge(loser, into=survivor)
        self.oracle.mixed |= {(name, loser), (name, survivor)}
        self.oracle.merged |= {(name, loser), (name, survivor)}
        self._typed((name, survivor), crm, "tags")
        return f"{name} {loser} into {survivor}"

    def answer(self, dice: Dice) -> str | None:
        """A colleague answers somebody."""
        return self._touch(dice, "to send")

    def draft(self, dice: Dice) -> str | None:
        """A colleague begins an answer."""
        return self._touch(dice, None)

    def _touch(self, dice: Dice, status: str | None) -> str | None:
        if (found := self._person(dice)) is None:
            return None
        place, crm = found
        text = f"Answer {len(self.oracle.answers) + len(self.oracle.drafts) + 1}"
        touch = crm.create("Touch", person=place[1], direction="outbound", status=status, text=text)
        if status is None:
            self.oracle.drafts[place[0], touch] = text
        else:
            self.oracle.answers[text] = Answer((place[0], touch), place, self._reached_by_channel(place))
        return f"{place} {touch} {text!r}"

    def send_draft(self, dice: Dice) -> str | None:
        """A colleague decides that a draft goes out."""
        if not self.oracle.drafts:
            return None
        place = dice.pick(sorted(self.oracle.drafts))
        crm = self.hub.crms[place[0]]
        text = self.oracle.drafts.pop(place)
        person = crm.record(place[1])["person"]
        crm.edit(place[1], status="to send")
        at = (place[0], person or "")
        self.oracle.answers[text] = Answer(place, at, person is not None and self._reached_by_channel(at))
        return f"{place} {text!r}"

    def _reached_by_channel(self, place: Place) -> bool:
        """Whether the customer was at rest, and had written on the channel before."""
        return place not in self.oracle.mixed and any(
            place in customer.places and any(one[0] == "chat" for one in customer.places)
            for customer in self.oracle.customers.values()
        )

    def scribble(self, dice: Dice) -> str | None:
        """A colleague changes the text of a logged message."""
        _, crm = self._crm(dice)
        logged = [id_ for id_, row in crm.records("Touch").items() if row["message_id"] in self.oracle.said]
        if not logged:
            return None
        id_ = dice.pick(logged)
        crm.edit(id_, text="scribbled")
        return id_

    def merge_by_hand(self, dice: Dice) -> str | None:
        """A person says that two customers are one."""
        living = [row for row in self.hub.rows(profiles) if row["merged_into"] is None]
        if len(living) < 2:
            return None
        one, other = dice.pick(living), dice.pick(living)
        self.oracle.merged_keys |= {one["uid"], other["uid"]}
        self.hub.merge(one["uid"], other["uid"])
        return f"{one['uid']} and {other['uid']}"

    def unmerge(self, dice: Dice) -> str | None:
        """A person says that they were two after all."""
        buried = [row for row in self.hub.rows(profiles) if row["merged_into"] is not None]
        if not buried:
            return None
        row = dice.pick(buried)
        self.hub.unmerge(row["id"])
        return str(row["uid"])

    def backfill(self, dice: Dice) -> str:
        """A person asks for what a CRM lacks."""
        name, _ = self._crm(dice)
        self.hub.backfill(name)
        return name

    # --- trouble

    def lose_answer(self, dice: Dice) -> str:
        """A CRM's answer to the next write gets lost, after some of its rows or all."""
        name, crm = self._crm(dice)
        rows = dice.pick((None, 0, 1, 2))
        crm.trouble.lose_answer(rows=rows)
        return f"{name} after {rows}"

    def lose_receipt(self, _: Dice) -> str:
        """The channel's answer to the next message gets lost."""
        self.hub.chat.lose_answer()
        self.oracle.ambiguous += 1
        return "the next"

    def throttle(self, dice: Dice) -> str:
        """Somebody has enough for now."""
        name = dice.pick(["chat", *self.hub.crms])
        after = timedelta(seconds=dice.pick((1, 20, 100)))
        (self.hub.chat if name == "chat" else self.hub.crms[name].trouble).throttle(after=after)
        return name

    def fail(self, dice: Dice) -> str:
        """A CRM is out of order for a few calls."""
        name, crm = self._crm(dice)
        times, operation = 1 + dice.spot(4), dice.pick((None, "write", "changes", "find", "fetch"))
        crm.trouble.fail(RetryableError("memory: out of order"), operation=operation, times=times)
        return f"{name} {operation} {times}"

    def outage(self, dice: Dice) -> str:
        """A CRM is down for as long as it takes the others to come to rest, which they do."""
        name, crm = self._crm(dice)
        crm.trouble.fail(RetryableError("memory: down"), times=10**6)
        invariants.d_one_sick_connection_does_not_slow_the_others(self.hub, name)
        crm.trouble.clear()
        return name

    def pause(self, dice: Dice) -> str:
        """A person pauses a connection."""
        name = dice.pick(["chat", *self.hub.crms])
        self.hub.state(name, "paused")
        return name

    def resume(self, dice: Dice) -> str:
        """A person lets a connection go on."""
        name = dice.pick(["chat", *self.hub.crms])
        self.hub.state(name, "running")
        return name

    def kill(self, dice: Dice) -> str:
        """The process will die at a fault point."""
        point = dice.pick(fault_points())
        self.hub.kill_at(point)
        return point

    def overtake(self, dice: Dice) -> str:
        """A worker will sleep through its lease at a fault point."""
        point = dice.pick([point for point in fault_points() if outside(point)])
        self.hub.overtake_at(point)
        self.oracle.asleep += 1
        self.oracle.ambiguous += point.startswith("send.")
        return point

    # --- time and work

    def wait(self, dice: Dice) -> str:
        """Time passes."""
        seconds = dice.pick(SECONDS)
        self.hub.tick(seconds)
        return f"{seconds} s"

    def jump(self, dice: Dice) -> str:
        """Somebody sets the hub's clock."""
        hours = dice.pick((-1, 1))
        self.hub.jump(hours)
        return f"{hours} h"

    def turn(self, dice: Dice) -> str:
        """One lane takes one turn."""
        name = dice.pick(["chat", *self.hub.crms])
        self.hub.turn(name)
        return name

    def round(self, _: Dice) -> str:
        """Every lane takes a turn."""
        for name in self.hub.crms:
            self.hub.turn(name)
        return "all"

    def rest(self, _: Dice | None = None) -> str:
        """Faults stop and everything comes to rest: what must be true is."""
        self.story.append("rest")
        self.hub.rest()
        self.oracle.rested(invariants.hold(self.hub, self.oracle))
        return "all holds"
