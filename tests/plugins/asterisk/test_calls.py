"""What becomes of calls of every kind: direction, customer, outcome, length, and what else is told."""

from datetime import UTC, datetime, timedelta

import pytest

from crocevia import ContactPoint, Ignored, InteractionCompleted, InteractionSeen, Party, StatusReported
from tests.plugins.asterisk.story import BEGAN_S, Story, inbound, make_settings, talk

CUSTOMER = ContactPoint("phone", "", "+393331112233")


def only(story: Story) -> tuple[InteractionSeen, InteractionCompleted]:
    """The one call of a story: as it began, and as it ended."""
    seen, completed = story.read()
    assert isinstance(seen, InteractionSeen)
    assert isinstance(completed, InteractionCompleted)
    assert completed.of == seen.key
    return seen, completed


def test_an_answered_call_is_one_interaction_with_the_time_talked() -> None:
    """Who called whom, when, what was talked without ringing, and who answered."""
    seen, completed = only(talk(inbound()).hangup("1.2", "1.1"))
    assert (seen.key, seen.direction, seen.kind, seen.outcome) == ("1.1", "inbound", "call", None)
    assert seen.author == Party((CUSTOMER,), name="Anna Neri")
    assert seen.recipients == (Party((ContactPoint("phone", "", "+39051000001"),)),)
    assert seen.at == datetime.fromtimestamp(BEGAN_S, UTC)
    assert (completed.outcome, completed.duration) == ("answered", timedelta(seconds=30))
    assert completed.text == "Rang 4 s. Answered by PJSIP/201."


def test_a_call_is_told_while_it_rings() -> None:
    """A person wants to see who calls before he answers."""
    assert [leaf["type"] for leaf in inbound().leaves] == ["began"]


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        ("NOANSWER", "0", "missed"),
        ("BUSY", "17", "busy"),
        ("CANCEL", "0", "cancelled"),
        ("BUSY", "21", "rejected"),
        ("CHANUNAVAIL", "20", "failed"),
        ("CONGESTION", "21", "rejected"),
    ],
)
def test_a_call_that_nobody_takes_says_why(status: str, cause: str, outcome: str) -> None:
    """By what the exchange says of the dialling and the cause."""
    story = inbound().then(9).dialled("1.1", "1.2", status).hangup("1.2", cause=cause).hangup("1.1")
    seen, completed = only(story)
    assert seen.direction == "inbound"
    assert (completed.outcome, completed.duration) == (outcome, None)


def test_of_several_telephones_the_one_that_answers_counts() -> None:
    """The others are cancelled by the exchange, not by the caller."""
    story = inbound().dial("1.1", "1.3", "PJSIP/202-00000003").then(2)
    story.dialled("1.1", "1.3", "CANCEL").hangup("1.3")
    _, completed = only(talk(story, 12).hangup("1.2", "1.1"))
    assert (completed.outcome, completed.duration) == ("answered", timedelta(seconds=12))


def test_a_caller_who_leaves_the_queue_has_given_up() -> None:
    """Although the exchange had answered, to play music: nobody talked."""
    story = Story()
    story.channel("1.1", "PJSIP/trunk-00000001", CallerIDNum="+393331112233", Context="from-trunk", Exten="600").up(
        "1.1"
    )
    story.at("1.1", "QueueCallerJoin", Queue="sales").then(40).at("1.1", "QueueCallerAbandon", Queue="sales")
    _, completed = only(story.hangup("1.1"))
    assert (completed.outcome, completed.duration, completed.text) == ("cancelled", None, "Queue sales.")


def test_a_queue_tells_which_agent_answered() -> None:
    """By the name of the queue's member."""
    story = inbound()
    story.at("1.1", "QueueCallerJoin", Queue="sales")
    story.at("1.1", "AgentConnect", Queue="sales", MemberName="Luca", Interface="PJSIP/201", DestUniqueid="1.2")
    _, completed = only(talk(story).hangup("1.2", "1.1"))
    assert completed.text == "Queue sales. Rang 4 s. Answered by Luca."


def test_what_the_voice_box_takes_is_a_voicemail() -> None:
    """The dial plan goes on to it when nobody answers."""
    story = inbound().then(9).dialled("1.1", "1.2", "NOANSWER").hangup("1.2").up("1.1")
    story.at("1.1", "Newexten", Application="VoiceMail", Priority="3").then(20)
    _, completed = only(story.hangup("1.1"))
    assert (completed.outcome, completed.duration) == ("voicemail", None)


def test_held_time_is_told_and_part_of_the_call() -> None:
    """Hold and unhold by the telephone."""
    story = talk(inbound(), 10).at("1.2", "Hold").then(7).at("1.2", "Unhold").then(3)
    _, completed = only(story.hangup("1.2", "1.1"))
    assert completed.duration == timedelta(seconds=20)
    assert completed.text == "Rang 4 s. Answered by PJSIP/201. On hold 7 s."


def test_a_blind_transfer_stays_one_call() -> None:
    """The second telephone rings without anybody talking; that time is not talked."""
    story = talk(inbound(), 10)
    story.say("BlindTransfer", Result="Success", Extension="202", TransfererUniqueid="1.2", TransfererLinkedid="1.1")
    story.at("1.1", "BridgeLeave", BridgeUniqueid="b1").at("1.2", "BridgeLeave", BridgeUniqueid="b1").hangup("1.2")
    story.dial("1.1", "1.3", "PJSIP/202-00000003").then(5).dialled("1.1", "1.3", "ANSWER")
    story.bridge("b2", "1.1", "1.3").then(25).hangup("1.3", "1.1")
    _, completed = only(story)
    assert completed.duration == timedelta(seconds=35)
    assert completed.text == "Rang 4 s. Answered by PJSIP/201, PJSIP/202. Transferred to 202 (blind)."


def test_an_attended_transfer_joins_the_consultation_to_the_call() -> None:
    """201 asks 202 in a call of its own; when it puts them through, the exchange makes one linked id of two."""
    story = talk(inbound(), 10)
    story.channel("2.1", "PJSIP/201-00000004", CallerIDNum="201", Context="from-internal", Exten="202")
    story.dial("2.1", "2.2", "PJSIP/202-00000005").then(2).dialled("2.1", "2.2", "ANSWER").up("2.1")
    story.bridge("b2", "2.2", "2.1").then(6)
    story.linked.update({"2.1": "1.1", "2.2": "1.1"})
    transferer = {"OrigTransfererUniqueid": "1.2", "OrigTransfererLinkedid": "1.1", "SecondTransfererUniqueid": "2.1"}
    story.say("AttendedTransfer", Result="Success", SecondTransfererConnectedLineNum="202", **transferer)
    story.at("2.2", "BridgeEnter", BridgeUniqueid="b1").hangup("1.2", "2.1").then(20).hangup("2.2", "1.1")
    _, completed = only(story)
    assert completed.duration == timedelta(seconds=38)
    assert completed.text == "Rang 4 s. Answered by PJSIP/201, PJSIP/202. Transferred to 202 (attended)."


def test_a_consultation_with_somebody_outside_is_a_call_of_its_own() -> None:
    """It was told already when the transfer joins the two: both interactions end, each once."""
    story = talk(inbound(), 10)
    story.channel("2.1", "PJSIP/201-00000004", CallerIDNum="201", Context="from-internal", Exten="+390612345678")
    story.dial("2.1", "2.2", "PJSIP/trunk-00000005", "+390612345678@trunk").then(2)
    story.dialled("2.1", "2.2", "ANSWER").bridge("b2", "2.2", "2.1").then(6)
    story.linked.update({"2.1": "1.1", "2.2": "1.1"})
    story.at("2.2", "BridgeEnter", BridgeUniqueid="b1").hangup("1.2", "2.1").then(20).hangup("2.2", "1.1")
    found = [
        (event.tag, event.key) for event in story.read() if isinstance(event, InteractionSeen | InteractionCompleted)
    ]
    assert found == [
        ("interaction seen", "1.1"),
        ("interaction seen", "2.1"),
        ("interaction completed", "2.1:ended"),
        ("interaction completed", "1.1:ended"),
    ]


def test_an_outbound_call_is_with_whom_was_called() -> None:
    """By an extension, through a trunk, with the digit for an outside line; the answer is the customer's."""
    story = Story(make_settings(outside_prefix="0"))
    story.channel("1.1", "PJSIP/201-00000001", CallerIDNum="201", Context="from-internal", Exten="00517654321")
    story.then(1).dial("1.1", "1.2", "PJSIP/trunk-00000002", "0517654321@trunk").then(8).dialled("1.1", "1.2", "ANSWER")
    seen, completed = only(story.bridge("b", "1.2", "1.1").then(61).hangup("1.2", "1.1"))
    assert seen.direction == "outbound"
    assert seen.recipients == (Party((ContactPoint("phone", "", "0517654321"),)),)
    assert seen.author.name == "201"
    assert (completed.outcome, completed.duration) == ("answered", timedelta(seconds=61))


def test_an_outside_line_may_come_before_a_plus() -> None:
    """As our own calls are dialled where the trunk takes international numbers so."""
    story = Story(make_settings(outside_prefix="0"))
    story.channel("1.1", "PJSIP/201-1", CallerIDNum="201", Exten="0+393331112233")
    story.dial("1.1", "1.2", "PJSIP/trunk-2", "+393331112233@trunk").dialled("1.1", "1.2", "NOANSWER")
    seen, completed = only(story.hangup("1.2", "1.1"))
    assert (seen.direction, seen.recipients[0].points) == ("outbound", (CUSTOMER,))
    assert completed.outcome == "missed"


def test_an_outbound_call_shows_our_public_number() -> None:
    """The caller id is a number outside as well: that it is dialled on says that we call."""
    story = Story(make_settings(trunks=()))
    head = {"CallerIDNum": "+39051000001", "Context": "office", "Exten": "+393331112233"}
    story.channel("1.1", "PJSIP/anna-00000001", **head)
    story.dial("1.1", "1.2", "PJSIP/provider-00000002", "provider/+393331112233").dialled("1.1", "1.2", "BUSY")
    seen, completed = only(story.hangup("1.2", cause="17").hangup("1.1"))
    assert (seen.direction, seen.recipients[0].points) == ("outbound", (CUSTOMER,))
    assert completed.outcome == "busy"


@pytest.mark.parametrize("number", ["<unknown>", "anonymous", "Anonymous", "", "unavailable"])
def test_a_caller_who_hides_his_number_is_a_party_without_points(number: str) -> None:
    """The call is logged all the same."""
    seen, _ = only(talk(inbound(number)).hangup("1.2", "1.1"))
    assert (seen.direction, seen.author.points) == ("inbound", ())


def test_a_number_can_be_shown_without_being_trusted() -> None:
    """Numbers can be forged."""
    seen, _ = only(talk(inbound(trust_caller_id=False)).hangup("1.2", "1.1"))
    assert [point.verified for point in seen.author.points] == [False]


def test_what_the_exchange_puts_before_a_number_is_taken_off() -> None:
    """Some trunks make "0" the outside line's own digit, so that one can call back."""
    seen, _ = only(talk(inbound("00393331112233", caller_prefix="00")).hangup("1.2", "1.1"))
    assert seen.author.points == (ContactPoint("phone", "", "393331112233"),)


@pytest.mark.parametrize("name", ["+393331112233", "", "<unknown>", "12 34", "Anonymous"])
def test_a_name_that_is_none_is_not_shown(name: str) -> None:
    """What comes with a number is often the number."""
    story = Story()
    story.channel("1.1", "PJSIP/trunk-1", CallerIDNum="+393331112233", CallerIDName=name, Exten="600").up("1.1")
    assert only(story.hangup("1.1"))[0].author.name is None


def test_calls_between_extensions_are_ignored_unless_they_are_wanted() -> None:
    """They are nobody's business but the company's."""

    def told(internal: str) -> Story:
        story = Story(make_settings(internal=internal))
        story.channel("1.1", "PJSIP/201-1", CallerIDNum="201", Context="from-internal", Exten="202").then(1)
        story.dial("1.1", "1.2", "PJSIP/202-2").dialled("1.1", "1.2", "ANSWER").bridge("b", "1.1", "1.2").then(5)
        return story.hangup("1.1", "1.2")

    assert {type(event) for event in told("ignore").read()} == {Ignored}
    seen, completed = only(told("log"))
    assert (seen.direction, seen.author.points) == ("internal", (ContactPoint("asterisk", "pbx", "201"),))
    assert (completed.outcome, completed.duration) == ("answered", timedelta(seconds=5))


def test_a_recording_is_named() -> None:
    """As the exchange names it; the same name once."""
    story = talk(inbound())
    for _ in range(2):
        story.at("1.1", "VarSet", Variable="MIXMONITOR_FILENAME", Value="/var/spool/asterisk/monitor/2026/a.wav")
    _, completed = only(story.hangup("1.2", "1.1"))
    [file] = completed.attachments
    assert (file.kind, file.key, file.name) == ("audio", "/var/spool/asterisk/monitor/2026/a.wav", "a.wav")
    assert file.mime_type == "audio/wav"


def test_what_comes_after_a_call_was_told_makes_no_other() -> None:
    """An exchange is not done with a call when the call is over."""
    story = talk(inbound()).hangup("1.2", "1.1").then(1)
    story.at("1.1", "VarSet", Variable="MIXMONITOR_FILENAME", Value="late.wav").at("1.2", "HangupRequest").then(9)
    assert [leaf["type"] for leaf in story.leaves] == ["began", "ended"]
    assert story.ledger.open == {}


def originated(*, answered: bool) -> Story:
    """We have telephone 201 ring, for a call to a customer."""
    story = Story()
    story.channel("crocevia-u1", "PJSIP/201-1", state="0")
    story.say("DialBegin", DestChannel="PJSIP/201-1", DestUniqueid="crocevia-u1", DestLinkedid="crocevia-u1")
    if not answered:
        return story.then(30).say("OriginateResponse", Response="Failure", ActionID="crocevia-u1", Reason="3")
    story.then(3).up("crocevia-u1")
    story.say(
        "OriginateResponse", Response="Success", ActionID="crocevia-u1", Exten="+393331112233", Uniqueid="crocevia-u1"
    )
    return story.dial("crocevia-u1", "1.2", "PJSIP/trunk-2", "+393331112233@trunk").then(6)


def test_a_call_that_we_had_made_is_the_one_that_was_asked_for() -> None:
    """Its events settle and complete what was asked; no second interaction is seen."""
    story = originated(answered=True).dialled("crocevia-u1", "1.2", "ANSWER").bridge("b", "1.2", "crocevia-u1").then(50)
    sent, completed, fared = story.hangup("1.2", "crocevia-u1").read()
    assert isinstance(sent, StatusReported)
    assert (sent.status, sent.callback, sent.of) == ("sent", "u1", "crocevia-u1")
    assert isinstance(completed, InteractionCompleted)
    assert (completed.of, completed.outcome, completed.duration) == ("crocevia-u1", "answered", timedelta(seconds=50))
    assert isinstance(fared, StatusReported)
    assert fared.status == "delivered"


def test_a_call_whose_agent_does_not_answer_has_failed() -> None:
    """The customer was never called."""
    _, completed, fared = originated(answered=False).hangup("crocevia-u1").read()
    assert isinstance(completed, InteractionCompleted)
    assert (completed.outcome, completed.duration) == ("failed", None)
    assert isinstance(fared, StatusReported)
    assert (fared.status, fared.detail) == ("failed", "the agent's telephone was not answered")


def test_a_call_for_which_no_channel_could_be_made_has_failed() -> None:
    """The exchange took the order and then told that there is no such telephone."""
    story = Story().say("OriginateResponse", Response="Failure", ActionID="crocevia-u2", Reason="0")
    assert [event.tag for event in story.read()] == ["status reported", "interaction completed", "status reported"]
    assert [event.status for event in story.read() if isinstance(event, StatusReported)] == ["sent", "failed"]
