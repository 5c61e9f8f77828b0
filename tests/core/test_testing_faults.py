import contextlib
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from crocevia import errors, faults
from crocevia.testing import FakeClock, FaultPoints, KilledError, seeded_random


def test_a_place_costs_nothing_until_a_test_arms_it() -> None:
    """Reaching it outside the block does nothing."""
    with FaultPoints() as points:
        points.kill("journal.committed", on=2)
        faults.reach("journal.committed")
        with pytest.raises(KilledError):
            faults.reach("journal.committed")
        faults.reach("journal.committed")
    faults.reach("journal.committed")
    assert points.reached == ["journal.committed"] * 3


def test_no_except_exception_survives_a_kill() -> None:
    """It is no Exception, as no code runs after `kill -9`."""

    def swallow() -> None:
        with contextlib.suppress(Exception):
            faults.reach("b")

    with FaultPoints() as points:
        points.kill("*", on=2)
        faults.reach("a")
        with pytest.raises(KilledError):
            swallow()


def test_a_place_can_fail_with_any_error() -> None:
    """As if the store had said so."""
    with FaultPoints() as points:
        points.fail("store.writing", errors.StoreError("disk full"))
        with pytest.raises(errors.StoreError, match="disk full"):
            faults.reach("store.writing")


def test_a_thread_can_be_held_at_a_place() -> None:
    """It stops there until released, and the block's end releases whoever is left."""
    passed = threading.Event()

    def work() -> None:
        faults.reach("sync.claimed")
        passed.set()

    with FaultPoints() as points:
        hold = points.hold("sync.claimed")
        worker = threading.Thread(target=work)
        worker.start()
        hold.wait_reached()
        assert not passed.is_set()
        hold.release()
        worker.join(timeout=10)
    assert passed.is_set()


@pytest.mark.parametrize(("setting", "lines"), [("b:2", ["a", "b", "a"]), ("*:3", ["a", "b"]), ("c:1", ["a", "b"] * 2)])
def test_the_environment_kills_a_real_process(setting: str, lines: list[str]) -> None:
    """SIGKILL at the n-th time: nothing is cleaned up, nothing after it happens."""
    program = "from crocevia import faults\nfor name in 'abab':\n    faults.reach(name)\n    print(name, flush=True)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"CROCEVIA_FAULT": setting, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == lines
    assert done.returncode == (0 if setting.startswith("c") else -signal.SIGKILL)


@pytest.mark.parametrize("setting", ["journal.committed", "a:0", ":3", "a:x", "a:1,,b:2"])
def test_a_wrong_setting_says_what_was_expected(setting: str) -> None:
    """A fault that is never armed would make a test that cannot fail."""
    with pytest.raises(errors.ConfigError, match="expected name:n"):
        faults.killer(setting)


def test_waiting_moves_a_fake_clock() -> None:
    """Code under test that waits an hour takes no time."""
    clock = FakeClock()
    before = clock.now()
    assert clock.wait(threading.Event(), 3600) is False
    assert clock.now() - before == timedelta(hours=1)
    assert clock.monotonic_s() == 3600


def test_a_clock_that_is_set_back_harms_no_deadline() -> None:
    """An administrator's hand moves the wall clock only."""
    clock = FakeClock()
    before = clock.now()
    clock.jump(timedelta(hours=-1))
    assert (clock.now() - before, clock.monotonic_s()) == (timedelta(hours=-1), 0)


def test_a_thread_waits_for_the_clock_to_be_moved() -> None:
    """With `waits` it is another thread that says when the time has come."""
    clock = FakeClock(waits=True)
    waited: list[bool] = []
    thread = threading.Thread(target=lambda: waited.append(clock.wait(threading.Event(), 60)))
    thread.start()
    clock.advance(59)
    thread.join(timeout=0.05)
    assert thread.is_alive()
    clock.advance(1)
    thread.join(timeout=10)
    assert waited == [False]


def test_seeded_randomness_is_the_same_again() -> None:
    """Equal words, equal numbers; other words, others."""
    assert seeded_random(7, "customers").random() == seeded_random(7, "customers").random()
    assert seeded_random(7, "customers").random() != seeded_random(8, "customers").random()
