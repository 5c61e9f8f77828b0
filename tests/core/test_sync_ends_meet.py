"""End to end: what happens on one side reaches the others, once, and then there is silence."""

from tests.core.conftest import Crossroads


def test_a_customer_who_writes_is_one_person_with_one_touch_in_each_crm(crossroads: Crossroads) -> None:
    """The smallest whole way."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    for crm in (crossroads.a, crossroads.b):
        person = crossroads.person(crm)
        assert (person["last"], person["mobile"]) == ("Ada Lovelace", "+393331234567")
        assert crossroads.touches(crm) == [("inbound", "Hello", "received")]
    crossroads.check()


def test_a_persons_change_in_one_crm_reaches_the_other_and_is_not_echoed(crossroads: Crossroads) -> None:
    """Name and number, one write in B, none in A beyond the first."""
    crossroads.chat.write("ada", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    mine, theirs = len(crossroads.a.mutations), len(crossroads.b.mutations)
    crossroads.clock.advance(60)
    crossroads.a.edit(crossroads.person_id(crossroads.a), first="Ada", last="King", mobile="333 765 4321")
    crossroads.settle()
    person = crossroads.person(crossroads.b)
    assert (person["first"], person["last"], person["mobile"]) == ("Ada", "King", "333 765 4321")
    assert [m.by for m in crossroads.a.mutations[mine:]] == ["person"]
    assert len(crossroads.b.mutations) == theirs + 1
    crossroads.check()
