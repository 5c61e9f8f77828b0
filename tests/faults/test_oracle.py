"""The oracle can fail: evidence with one thing wrong is said to be wrong, by its name."""

from typing import Any

import pytest
from attrs import evolve

from tests.faults.oracle import Answer, Contents, Evidence, Leaf, Person, Touch, Typed, digits, verdict

ANNA = "393331234567"


def books(**wrong: int) -> dict[str, Any]:
    """The books of one message and one answer."""
    incoming = {"received": 3, "applied": 3, "superseded": 0, "ignored": 0, "quarantined": 0, "pending": 0}
    records = dict.fromkeys(("pending", "unknown", "review", "dead", "blocked"), 0) | {"wanted": 2, "applied": 2}
    one = {"incoming": {**incoming, "unparsed": 0, **wrong}, "records": records, "commands": dict(records)}
    return {"connections": {"whatsapp": one}}


def crm(prefix: str) -> Contents:
    """A CRM that holds what it should."""
    return Contents(
        touches=[
            Touch(id=f"{prefix}1", message="w1", key="k1", text="Hello", status="Received"),
            Touch(id=f"{prefix}2", message="w2", key="k2", text="Good day", status="Delivered"),
        ],
        people=[Person(id=f"{prefix}9", key="p1", name="Anna", phones=frozenset({ANNA, "39011555"}))],
        births=[("Interaction__c", "k1"), ("Interaction__c", "k2"), ("Contact", "p1")],
    )


WELL = Evidence(
    acknowledged=[
        Leaf(id="w1", kind="message", customer=ANNA),
        Leaf(id="w1e", kind="edit", of="w1", customer=ANNA),
        Leaf(id="w2:delivered", kind="status", of="w2", status="delivered"),
    ],
    texts={"w1": "Hello"},
    answers=[Answer(text="Good day", crm="a", sent=["w2"])],
    typed=[Typed(customer=ANNA, field="phone", values={"a": "011 555"})],
    created={"Anna": "a"},
    crms={"a": crm("a"), "b": crm("b")},
    status=books(),
)


def with_b(**changes: Any) -> Evidence:
    """All is well but for this in CRM b."""
    return evolve(WELL, crms={**WELL.crms, "b": evolve(WELL.crms["b"], **changes)})


def touches(*changed: Touch) -> Evidence:
    """CRM b with other interactions."""
    return with_b(touches=list(changed))


BOTH = FIRST, SECOND = WELL.crms["b"].touches
PERSON = WELL.crms["b"].people[0]


def test_what_is_well_passes() -> None:
    """No verdict without a reason."""
    found = verdict(WELL)
    assert (found.lost, found.doubled, found.unbalanced, found.passed) == ([], [], [], True)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        pytest.param(touches(SECOND), "b: message w1 has no record", id="a message"),
        pytest.param(touches(evolve(FIRST, text="Helo"), SECOND), "b: b1: not the text that w1 came to", id="an edit"),
        pytest.param(
            touches(FIRST, evolve(SECOND, status="Sent")), "b: b2: Sent, the vendor said delivered", id="a status"
        ),
        pytest.param(
            evolve(WELL, answers=[Answer(text="Good day", crm="a")]),
            "a: answer 'Good day': neither sent, refused nor parked",
            id="an answer",
        ),
        pytest.param(touches(FIRST), "b: answer 'Good day' has no record", id="an answer's record"),
        pytest.param(
            with_b(people=[evolve(PERSON, phones=frozenset({ANNA}))]),
            f"b: phone of {ANNA}: none of those that were typed",
            id="a correction",
        ),
        pytest.param(
            with_b(people=[evolve(PERSON, name="Anne")]), "b: 'Anna', entered in a, is not there", id="a new person"
        ),
    ],
)
def test_what_is_lost_is_said(evidence: Evidence, said: str) -> None:
    """By where and what."""
    assert said in verdict(evidence).lost


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        pytest.param(touches(*BOTH, evolve(FIRST, id="b3", key="k3")), "b: message w1 is on 2 records", id="message"),
        pytest.param(touches(*BOTH, evolve(FIRST, id="b3", message="w3")), "b: key k1 is on 2 records", id="key"),
        pytest.param(
            with_b(births=[("Interaction__c", "k1")] * 2), "b: Interaction__c k1 was created 2 times", id="ever"
        ),
        pytest.param(
            with_b(people=[PERSON, evolve(PERSON, id="b8", key="p2")]), f"b: {ANNA} is on 2 people", id="a customer"
        ),
        pytest.param(
            evolve(WELL, left={"b": frozenset({ANNA})}), "b: b9 came back after it was deleted", id="who was deleted"
        ),
        pytest.param(
            evolve(WELL, answers=[Answer(text="Good day", crm="a", sent=["w2", "w3"])]),
            "a: answer 'Good day' was sent 2 times",
            id="an answer",
        ),
        pytest.param(evolve(WELL, wrong=["two daemons ran"]), "two daemons ran", id="what was seen"),
    ],
)  # fmt: skip
def test_what_is_doubled_is_said(evidence: Evidence, said: str) -> None:
    """By where and what."""
    assert said in verdict(evidence).doubled


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (evolve(WELL, status=books(applied=2)), "whatsapp: incoming: 3 is not 2+0+0+0+0"),
        (evolve(WELL, status=books(pending=1, applied=2)), "whatsapp: incoming: 1 still pending at rest"),
        (evolve(WELL, status=books(unparsed=1)), "whatsapp: incoming: 1 still pending at rest"),
        (evolve(WELL, status=books(received=2, applied=2)), "whatsapp: 2 leaves in the books, 3 acknowledged"),
        (evolve(WELL, drift=["b: Contact b9: name"]), "audit: b: Contact b9: name"),
        (evolve(WELL, rested=False), "it never came to rest"),
    ],
)
def test_what_does_not_balance_is_said(evidence: Evidence, said: str) -> None:
    """The sum is made here once more; what is under way at rest counts too."""
    assert said in verdict(evidence).unbalanced


def test_what_may_be_missing_is_not_lost() -> None:
    """Records and edits of a customer who was deleted there; an answer that was refused with a reason, or parked."""
    gone = evolve(touches(SECOND), left={"b": frozenset({ANNA})})
    assert verdict(gone).lost == []
    left = evolve(touches(evolve(FIRST, text="Helo"), SECOND), left={"b": frozenset({ANNA})})
    assert verdict(left).lost == []
    refused = [FIRST, evolve(SECOND, status="Failed", detail="too late", message=None)]
    answers = [Answer(text="Good day", crm="b")]
    said = verdict(evolve(touches(*refused), answers=answers, acknowledged=WELL.acknowledged[:2]))
    assert said.lost == []
    parked = evolve(touches(FIRST, evolve(SECOND, message=None)), answers=answers, parked=frozenset({"k2"}))
    assert verdict(evolve(parked, acknowledged=WELL.acknowledged[:2])).lost == []


def test_where_a_person_is_asked_each_crm_may_show_its_own() -> None:
    """Two colleagues typed two names: nothing is lost as long as both are there and somebody is asked."""
    typed = [Typed(customer=ANNA, field="name", values={"a": "Anna", "b": "Anne"})]
    contested = evolve(with_b(people=[evolve(PERSON, name="Anne")]), typed=typed, created={})
    assert verdict(contested).lost == [f"name of {ANNA}: not the same in a, b"]
    assert verdict(evolve(contested, asked=frozenset({("p1", "name")}))).lost == []
    third = evolve(with_b(people=[evolve(PERSON, name="Maria")]), typed=typed, created={})
    assert verdict(evolve(third, asked=frozenset({("p1", "name")}))).lost != []
    elsewhere = evolve(third, typed=[Typed(customer=ANNA, field="name", values={"a": "Anna"})])
    assert verdict(evolve(elsewhere, asked=frozenset({("p1", "name")}))).lost == [], "b keeps what it had"
    assert verdict(elsewhere).lost != []


@pytest.mark.parametrize("typed", ["+39 333 1234567", "0039 333 1234567", "333 1234567", ANNA.replace("39", "+39", 1)])
def test_a_number_is_the_same_however_it_is_typed(typed: str) -> None:
    """As the vendor writes it."""
    assert digits(typed) == ANNA
