"""A run is a pure function of its seed, and all that can go wrong does."""

from tests.faults.schedule import POINTS, schedule


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    """People, troubles, lives and numbers."""
    assert schedule(7) == schedule(7)
    assert schedule(7).deeds != schedule(8).deeds


def test_twenty_runs_hold_every_fault_and_two_hundred_kills() -> None:
    """Nothing is left to luck: the campaign's own seeds have it all."""
    plans = [schedule(seed) for seed in range(1, 21)]
    lives = [life for plan in plans for daemon in plan.lives for life in daemon]
    assert len(lives) >= 200
    assert {plan.store for plan in plans} == {"sqlite", "postgresql"}
    assert sum(plan.tryton for plan in plans) >= 4
    kinds = {trouble.kind for plan in plans for trouble in plan.troubles}
    expected = {
        "cut", "stalled", "black hole", "slow", "forget", "truncate", "refuse 429", "refuse 503",
        "org: unavailable", "org: server_error", "org: lock", "org: row_lock", "org: commit_then_drop", "org: truncate",
        "org: drop_before", "org: not_acceptable", "org: slow", "vendor: lost answer", "vendor: throttled",
        "sessions expire", "disk full", "fsync error", "second daemon", "stop", "database restart",
    }  # fmt: skip
    assert kinds == expected
    armed = {life.fault.rpartition(":")[0] for life in lives if life.fault}
    assert armed == {*POINTS, "*"}
    verbs = {deed.verb for plan in plans for deed in plan.deeds}
    assert {
        "text",
        "edit",
        "revoke",
        "react",
        "repeat",
        "answer",
        "answer in tryton",
        "create",
        "delete",
        "merge",
    } <= verbs
    assert {"email", "email in tryton", "phone", "name", "name in tryton", "create in tryton"} <= verbs
