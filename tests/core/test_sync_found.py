"""Days on which something went wrong once, each found by the model (tests/model) and told as short as it could be."""

import pytest

from crocevia.config.options import Options
from crocevia.store.profiles import ids_of
from crocevia.store.tables import dead, interactions, parked, profiles
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import merge
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_what_waited_while_a_customer_was_in_the_bin_goes_on_when_he_is_taken_out(crossroads: Crossroads) -> None:
    """Messages that came meanwhile are logged there, too."""
    crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.delete(person)
    crossroads.settle()
    crossroads.chat.write("ada", "Are you there?")
    crossroads.settle()
    assert len(crossroads.touches(crossroads.a)) == 1
    crossroads.a.undelete(person)
    crossroads.settle()
    assert [text for _, text, _ in crossroads.touches(crossroads.a)] == ["Hello", "Are you there?"]
    crossroads.check()


def test_an_answer_on_a_record_that_is_told_of_by_a_merge_alone_does_not_wait_for_ever(crossroads: Crossroads) -> None:
    """The customer's record was merged into a new one before either was told: both are in one batch."""
    crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.settle()
    known = crossroads.person_id(crossroads.a)
    survivor = crossroads.a.create(last="Ada King")
    crossroads.a.create("Touch", person=known, direction="outbound", status="to send", text="Hello Ada")
    crossroads.a.merge(known, into=survivor)
    crossroads.settle()
    assert crossroads.rows(parked) == []
    assert [message.text for message in crossroads.chat.sent] == ["Hello Ada"]
    assert len(crossroads.rows(interactions)) == 2


def test_a_double_that_was_kept_there_is_not_merged_into_what_is_gone(crossroads: Crossroads) -> None:
    """A colleague merged the two records the other way round before we were told that they are one customer."""
    crossroads.options["a"] = Options(merges=True)
    crossroads.chat.write("ada", "Hello")
    crossroads.chat.write("bob", "Hello")
    crossroads.settle()
    older, younger = crossroads.a.records()
    crossroads.a.merge(older, into=younger)
    first, second = (row["uid"] for row in crossroads.rows(profiles))
    with by_hand(crossroads.world) as batch:
        ids = ids_of(batch.transaction, [first, second])
        rows = batch.load_profiles(list(ids.values()))
        merge(batch, rows[ids[first]], rows[ids[second]], by="person", reason="one customer")
    crossroads.settle()
    assert crossroads.rows(dead) == []
    assert list(crossroads.a.records()) == [younger]
    crossroads.check()
