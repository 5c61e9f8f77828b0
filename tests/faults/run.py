"""One run: everything started, people and troubles let loose, rest awaited, the verdict."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import requests
from attrs import asdict, define, field

from tests.faults import evidence
from tests.faults.deeds import People
from tests.faults.oracle import Verdict, verdict
from tests.faults.schedule import Schedule
from tests.faults.site import POLL_S, Site, site
from tests.faults.trouble import Troublemaker

REST_S = 150.0
_QUIET_S = 4 * POLL_S
_LOOK_S = 0.15
_OPEN = re.compile(r'crocevia_(leaves\{.*term="(?:pending|unparsed)"|wanted\{.*term="pending").*\} (\S+)')


@define
class Report:
    """What became of a run. `ended`: exit codes of lives that ended by themselves, the store being out of reach."""

    schedule: Schedule
    verdict: Verdict
    kills: Counter[str] = field(factory=Counter)
    hits: Counter[str] = field(factory=Counter)
    ended: Counter[int] = field(factory=Counter)
    skipped: list[str] = field(factory=list)
    facts: dict[str, object] = field(factory=dict)


def run(schedule: Schedule, folder: Path) -> Report:
    """Play a run in an empty folder, where its ledgers and logs stay."""
    folder.mkdir(parents=True)
    (folder / "schedule.txt").write_text(
        "\n".join(map(str, (*schedule.troubles, *schedule.deeds, *schedule.lives))) + "\n"
    )
    began = time.monotonic()
    with site(folder, schedule) as place:
        people, troublemaker = People(place), Troublemaker(place)
        people.before()
        over = threading.Event()
        for keeper in place.keepers:
            keeper.start()
        started = time.monotonic()
        with ThreadPoolExecutor(2, thread_name_prefix="played") as pool:
            played = pool.submit(people.play, started, over)
            try:
                pool.submit(troublemaker.play, started, over).result()
                for keeper in place.keepers:
                    keeper.stays.wait()
                troublemaker.heal()
                rested = _rest(place, played)
            finally:
                over.set()
                codes = [keeper.stop() for keeper in place.keepers]
            played.result()
        wrong = [f"never done: {deed}" for deed in people.waiting]
        wrong += [*troublemaker.wrong, *(f"a daemon ended with {code} on SIGTERM" for code in codes if code)]
        found = evidence.gather(place, people, rested=rested, wrong=wrong)
        made = Report(schedule, verdict(found), sum((k.kills for k in place.keepers), Counter()), troublemaker.hits)
        made.ended = sum((keeper.ended for keeper in place.keepers), Counter())
        made.skipped = troublemaker.skipped
        books = found.status["connections"]
        made.facts = {
            "seconds": round(time.monotonic() - began, 1),
            "acknowledged": len(found.acknowledged),
            "touches": {name: len(one.touches) for name, one in found.crms.items()},
            "answers": f"{sum(bool(one.sent) for one in found.answers)}/{len(found.answers)} sent",
            "deeds": f"{people.done}/{len(schedule.deeds)}",
            "parked": {
                name: some
                for name, one in books.items()
                if (some := {f"{part} {term}": one[part][term] for part in ("incoming", "records", "commands")
                    for term in ("quarantined", "unknown", "review", "dead", "blocked") if one[part].get(term)})
            },
            "reviews": found.status["reviews"],
        }  # fmt: skip
        if place.database is not None:
            place.database.keep(folder / "store.sql")
        (folder / "evidence.json").write_text(json.dumps(asdict(found), indent=1, default=_plain))
        (folder / "letters.json").write_text(json.dumps(evidence.letters(place), indent=1))
    (folder / "report.json").write_text(json.dumps(asdict(made), indent=1, default=_plain))
    return made


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def _rest(place: Site, played: Future[None]) -> bool:
    """Wait until all deeds are done, nothing is under way, and the org is not written to for some polls."""
    deadline = time.monotonic() + REST_S
    quiet_since, seen = time.monotonic(), -1
    while time.monotonic() < deadline:
        mutations = int(place.org.call("GET", "/_simulator")["mutations"])
        busy = not played.done() or not place.customers.idle() or _open(place) or mutations != seen
        seen = mutations
        if busy:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > _QUIET_S:
            return True
        time.sleep(_LOOK_S)
    return False


def _open(place: Site) -> bool:
    """Whether a daemon does not answer, or has things under way."""
    for keeper in place.keepers:
        try:
            text = requests.get(f"{keeper.url}/metrics", timeout=5).text
        except requests.RequestException:
            return True
        if any(float(found[2]) for line in text.splitlines() if (found := _OPEN.match(line))):
            return True
    return False
