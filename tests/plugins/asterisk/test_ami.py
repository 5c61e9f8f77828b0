"""The connector and an exchange, over a real socket: logging in, listening, calling, and what goes wrong in between."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from crocevia import ContactPoint, InteractionCompleted, InteractionSeen, Message, ParseContext, Raw
from crocevia.errors import (
    AuthError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    UndeliverableError,
)
from crocevia_asterisk import Asterisk
from crocevia_asterisk.packets import text_of
from tests.plugins.asterisk.fake_ami import FakeAmi
from tests.plugins.asterisk.listener import Listener
from tests.plugins.asterisk.story import make_settings

CALL = {"Channel": "PJSIP/trunk-1", "Uniqueid": "1.1", "Linkedid": "1.1"}
BEGINS = {"Event": "Newchannel", "ChannelState": "4", "CallerIDNum": "+393331112233", "Exten": "600", **CALL}
ANSWERED = {"Event": "Newstate", "ChannelState": "6", **CALL}
ENDS = {"Event": "Hangup", "Cause": "16", **CALL}
CUSTOMER = ContactPoint("phone", "", "+393331112233")


@pytest.fixture
def ami() -> Iterator[FakeAmi]:
    """An exchange."""
    with FakeAmi().running() as running:
        yield running


def asterisk(ami: FakeAmi, **changed: Any) -> Asterisk:
    """The connector, on the system's clock."""
    given = {"host": "127.0.0.1", "port": ami.port, "agent": "PJSIP/201", **changed}
    return Asterisk(make_settings(**given), connection="pbx")


def test_a_call_is_heard_from_login_to_hangup(ami: FakeAmi) -> None:
    """The secret never travels; what is asked for is what a user with few rights may have."""
    connector = asterisk(ami)
    listener = Listener(connector)
    assert ami.listening.wait(10)
    ami.tell({"Event": "FullyBooted"}, BEGINS, ANSWERED, ENDS)
    leaves = listener.told(2)
    assert listener.end() < 1
    raw = Raw(
        connection="pbx",
        kind="asterisk",
        body=json.dumps({"calls": leaves}).encode(),
        received_at=connector.clock.now(),
    )
    seen, completed = connector.parse(raw, ParseContext(now=connector.clock.now()))
    assert isinstance(seen, InteractionSeen)
    assert isinstance(completed, InteractionCompleted)
    assert (seen.author.points, completed.outcome) == ((CUSTOMER,), "answered")
    [login] = ami.actions("Login")
    assert (text_of(login, "AuthType"), text_of(login, "Events")) == ("MD5", "call,agent,cdr,dialplan")
    assert "s3cret" not in str(ami.asked)


def test_a_broken_connection_is_taken_up_where_it_was(ami: FakeAmi) -> None:
    """The call goes on meanwhile: it is told once, and ends once."""
    connector = asterisk(ami)
    first = Listener(connector)
    assert ami.listening.wait(10)
    ami.tell(BEGINS, ANSWERED)
    [began] = first.told(1)
    ami.hang_up()
    assert isinstance(first.broken(), RetryableError)
    ami.shown = [{**ANSWERED, "Duration": "00:00:09"}]
    second = Listener(connector, first.pages[-1].cursor)
    assert ami.listening.wait(10)
    ami.tell(ENDS)
    [ended] = second.told(1)
    second.end()
    assert (began["type"], ended["type"], ended["linkedid"]) == ("began", "ended", "1.1")


def test_a_call_that_ended_meanwhile_is_closed(ami: FakeAmi) -> None:
    """Nothing says how long it lasted, and so nothing is said."""
    connector = asterisk(ami)
    first = Listener(connector)
    assert ami.listening.wait(10)
    ami.tell(BEGINS, ANSWERED)
    first.told(1)
    ami.hang_up()
    first.broken()
    second = Listener(connector, first.pages[-1].cursor)
    [ended] = second.told(1)
    second.end()
    assert ended["type"] == "ended"
    assert [told["Event"] for told in ended["events"]][-1] == "Resumed"


def test_events_that_nobody_knows_are_kept_once(ami: FakeAmi) -> None:
    """A later Asterisk tells more: each name is told once, whole."""
    listener = Listener(asterisk(ami))
    assert ami.listening.wait(10)
    ami.tell(*[{"Event": "HologramBegin", "Colour": "blue"}] * 3, BEGINS, ANSWERED)
    listener.told(1)
    listener.end()
    odd = [event for page in listener.pages if page.body for event in json.loads(page.body).get("events", [])]
    assert odd == [{"Event": "HologramBegin", "Colour": "blue"}]


@pytest.mark.parametrize("login", ["md5", "plain"])
def test_a_wrong_secret_pauses_the_connection(ami: FakeAmi, login: str) -> None:
    """It is no use to try again; the message says where to look, and no secret."""
    ami.secret = "another"
    connector = asterisk(ami, login=login)
    error = Listener(connector).broken()
    assert isinstance(error, AuthError)
    assert "manager.conf" in str(error)
    assert "s3cret" not in str(error)
    assert next(finding.level for finding in connector.check()) == "problem"


def test_what_is_no_exchange_is_tried_again(ami: FakeAmi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there, or something else does."""
    monkeypatch.setattr("crocevia_asterisk.ami.CONNECT_TIMEOUT_S", 0.3)
    ami.greeting = b"220 mail.example.com ESMTP\r\n"
    assert "greet" in str(Listener(asterisk(ami)).broken())
    assert isinstance(Listener(asterisk(ami, port=1)).broken(), RetryableError)


def test_a_user_who_may_not_ask_for_channels_is_told_so(ami: FakeAmi) -> None:
    """Without that, a break could not be made good."""
    ami.answers["CoreShowChannels"] = {"Response": "Error", "Message": "Permission denied"}
    assert "write = reporting" in str(Listener(asterisk(ami)).broken())


def test_check_tells_what_is_there(ami: FakeAmi) -> None:
    """The version, and what the settings leave out."""
    found = {finding.what: finding.level for finding in asterisk(ami).check()}
    assert found == {"AMI 11.0.0, Asterisk 22.10.1": "ok", "cdr_csv": "warning"}
    ami.greeting = b"Asterisk Call Manager/1.3\r\n"
    old = next(iter(asterisk(ami).check()))
    assert (old.level, "Asterisk 13" in old.do) == ("problem", True)


def call(**changed: Any) -> Message:
    """A call that somebody wants."""
    return Message(**{"id": "u1", "to": CUSTOMER, "kind": "call", **changed})


def test_a_call_is_made_under_our_id(ami: FakeAmi) -> None:
    """The agent's telephone rings first; the exchange then dials as the dial plan wants it."""
    connector = asterisk(
        ami, agents={"Anna Neri": "PJSIP/202"}, international_prefix="00", outside_prefix="0", dial_context="office"
    )
    assert connector.send(call(author="Anna Neri")).key == "crocevia-u1"
    [asked] = ami.actions("Originate")
    wanted = {"Channel": "PJSIP/202", "ChannelId": "crocevia-u1", "Exten": "000393331112233", "Context": "office"}
    assert {key: text_of(asked, key) for key in wanted} == wanted
    assert (text_of(asked, "Async"), text_of(asked, "Timeout")) == ("true", "30000")
    assert [text_of(login, "Events") for login in ami.actions("Login")] == ["off"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"Response": "Error", "Message": "Extension does not exist."}, RejectedError),
        ({"Response": "Error", "Message": "Permission denied"}, AuthError),
        (None, OutcomeUnknownError),
    ],
)
def test_a_call_that_the_exchange_refuses_is_a_decision(
    ami: FakeAmi, answer: dict[str, str] | None, error: type[RemoteError]
) -> None:
    """An order that was not answered may have been carried out: it is never repeated blindly."""
    ami.answers["Originate"] = answer
    with pytest.raises(error, match="pbx"):
        asterisk(ami).send(call())


def test_a_call_that_cannot_be_made_is_not_asked_for(ami: FakeAmi) -> None:
    """No telephone of who calls, no number of who is called, no exchange."""
    with pytest.raises(RejectedError, match="agents"):
        asterisk(ami, agent="").send(call(author="Nobody"))
    with pytest.raises(UndeliverableError, match="cannot be called"):
        asterisk(ami).send(call(to=ContactPoint("email", "", "anna@example.com")))
    with pytest.raises(UndeliverableError, match="digits"):
        asterisk(ami).send(call(to=ContactPoint("phone", "", "+39333,,1")))
    assert ami.asked == []
    with pytest.raises(RetryableError):
        asterisk(ami, port=1).send(call())


def test_an_exchange_that_falls_silent_is_asked_and_then_left(ami: FakeAmi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut cable tells nothing by itself."""
    monkeypatch.setattr("crocevia_asterisk.ami.QUIET_S", 0.2)
    listener = Listener(asterisk(ami))
    assert ami.listening.wait(10)
    ami.answers["Ping"] = {"Response": "Success"}
    ended = threading.Event()
    ended.wait(0.9)
    assert listener.error is None
    assert len(ami.actions("Ping")) >= 2
    listener.end()


def test_only_calls_go_out_here() -> None:
    """An answer in writing to somebody who called must not ring a telephone."""
    connector = Asterisk(make_settings())
    assert (connector.carries("call"), connector.carries("message")) == (True, False)
