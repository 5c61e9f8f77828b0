"""What the company itself says in public and names nobody: it is of the customer whose words it answers."""

import pytest

from crocevia import ContactPoint, InteractionSeen, Party
from crocevia.store.tables import interactions, profiles
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def wall(crossroads: Crossroads) -> Crossroads:
    """With a road whose raws say what to make of them."""
    crossroads.more["wall"] = lambda: Script(ScriptSettings(), connection="wall")
    return crossroads


def said(wall: Crossroads, key: str, *, by: str | None = None, answers: str | None = None) -> InteractionSeen:
    """A comment of somebody's, or our own."""
    points = () if by is None else (ContactPoint("wall", "", by),)
    return InteractionSeen(
        key=key,
        author=Party(points),
        at=wall.clock.now(),
        direction="outbound" if by is None else "inbound",
        kind="comment",
        text=key,
        in_reply_to=answers,
        public=True,
    )


def whose(wall: Crossroads) -> dict[str, int]:
    """The profile of each comment."""
    return {row["key"]: row["profile_id"] for row in wall.rows(interactions)}


@SQLITE
@pytest.mark.parametrize("together", [True, False])
def test_an_answer_is_of_whom_it_answers(wall: Crossroads, *, together: bool) -> None:
    """In one delivery or in two, whatever comes first in one; and nobody is made up for it."""
    events = [said(wall, "answer", answers="bea"), said(wall, "ada", by="ada"), said(wall, "bea", by="bea")]
    for body in [scripted(*events)] if together else [scripted(*events[1:]), scripted(events[0])]:
        wall.post(body, connection="wall")
        wall.turn("wall")
    found = whose(wall)
    assert found["answer"] == found["bea"] != found["ada"]
    assert len(wall.rows(profiles)) == 2
    assert wall.books("wall").balanced


@SQLITE
def test_an_answer_to_what_nobody_knows_is_of_nobody(wall: Crossroads) -> None:
    """It is logged all the same."""
    wall.post(scripted(said(wall, "answer", answers="lost"), said(wall, "ada", by="ada")), connection="wall")
    wall.turn("wall")
    found = whose(wall)
    assert found["answer"] != found["ada"]
    assert wall.books("wall").incoming.applied == 2
