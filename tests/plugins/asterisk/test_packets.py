"""AMI's framing: whatever arrives, in whatever pieces, is packets."""

import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st

from crocevia.errors import RejectedError
from crocevia_asterisk.packets import MAX_LINE_BYTES, MAX_LINES, Packet, Packets, action, text_of
from tests.plugins.asterisk.recording import corpus

EVENT = b"Event: Hangup\r\nUniqueid: 1.1\r\nCause: 16\r\n\r\n"


def packets(data: bytes) -> list[Packet]:
    """What one piece holds."""
    return list(Packets().feed(data))


def test_a_banner_is_no_packet() -> None:
    """It is the line with which an exchange greets."""
    framing = Packets()
    assert list(framing.feed(b"Asterisk Call Manager/11.0.0\r\n" + EVENT)) == [
        {"Event": "Hangup", "Uniqueid": "1.1", "Cause": "16"}
    ]
    assert framing.banner == "Asterisk Call Manager/11.0.0"


@given(st.lists(st.integers(min_value=1, max_value=40), max_size=30))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_pieces_of_any_size_make_the_same_packets(sizes: list[int]) -> None:
    """A packet may come in two reads, two packets in one."""
    data = b"Asterisk Call Manager/9.0.0\r\n" + EVENT * 3 + b"Response: Success\r\nPing: Pong\r\n\r\n"
    framing, rest = Packets(), data
    found: list[Packet] = []
    for size in sizes:
        found.extend(framing.feed(rest[:size]))
        rest = rest[size:]
    found.extend(framing.feed(rest))
    assert found == packets(data)


def test_a_key_that_comes_several_times_has_several_values() -> None:
    """`ChanVariable`, `Variable`, and the `Output` of a command."""
    [found] = packets(b"Event: X\r\nChanVariable: A=1\r\nChanVariable: B=2\r\nChanVariable: C=3\r\n\r\n")
    assert found == {"Event": "X", "ChanVariable": ("A=1", "B=2", "C=3")}
    assert text_of(found, "ChanVariable") == "A=1"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Event: A\nKey: v\n\n", {"Event": "A", "Key": "v"}),
        (b"\r\n\r\nEvent: A\r\n\r\n\r\n", {"Event": "A"}),
        (
            b"Event: A\r\nEmpty:\r\nNoSpace:v\r\nColons: a:b: c\r\n\r\n",
            {"Event": "A", "Empty": "", "NoSpace": "v", "Colons": "a:b: c"},
        ),
        (b"Event: A\r\nloose words\r\n\r\n", {"Event": "A", "Output": "loose words"}),
        (b"Event: A\r\nName: Ren\xe9\xff\x00\x07e\r\n\r\n", {"Event": "A", "Name": "Ren\ufffd\ufffde"}),
        ("Event: A\r\nName: Zoë ☎\r\n\r\n".encode(), {"Event": "A", "Name": "Zoë ☎"}),
    ],
)
def test_odd_lines_are_read_as_they_are(data: bytes, expected: object) -> None:
    """Bare line feeds, empty values, what is no UTF-8 and what is no character."""
    assert packets(data) == [expected]


def test_the_output_of_a_command_may_hold_anything() -> None:
    """Empty lines and lines that look like keys, up to its end mark; the next packet is read as ever."""
    answer = b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\nA: b\n\nC\n--END COMMAND--\r\n\r\n"
    found = packets(answer + EVENT)
    assert found[0] == {"Response": "Follows", "Privilege": "Command", "ActionID": "7", "Output": ("A: b", "", "C")}
    assert found[1] == packets(EVENT)[0]


def test_a_command_that_never_ends_does_not_swallow_events() -> None:
    """Its end mark may be missing."""
    assert packets(b"Response: Follows\r\nPeer: gawel\r\n\r\n" + EVENT)[1:] == packets(EVENT)


def test_what_is_too_long_is_cut_and_the_next_is_whole() -> None:
    """No line and no packet is kept beyond a bound, in however many pieces it comes."""
    framing = Packets()
    found: list[Packet] = []
    for piece in (b"Event: A\r\nLong: ", *[b"x" * 30_000] * 9, b"\r\nAfter: yes\r\n\r\n", EVENT):
        found.extend(framing.feed(piece))
        assert len(asdict(framing)["_rest"]) <= MAX_LINE_BYTES
    assert len(found[0]["Long"]) <= MAX_LINE_BYTES
    assert found[0]["After"] == "yes"
    assert found[1] == packets(EVENT)[0]
    [many] = packets(b"".join(b"K: v\r\n" for _ in range(MAX_LINES + 500)) + b"\r\n")
    assert len(many["K"]) == MAX_LINES


def test_an_action_cannot_be_made_to_hold_another() -> None:
    """A line end in a value would begin a header of somebody else's choice."""
    assert action("Ping", ActionID="1", Empty="") == b"Action: Ping\r\nActionID: 1\r\n\r\n"
    with pytest.raises(RejectedError, match="Exten"):
        action("Originate", Exten="100\r\nAction: Command")


@pytest.mark.parametrize(
    ("name", "packets_in_it"),
    [
        ("ami__login_failed.txt", 2),
        ("ami__logoff.txt", 2),
        ("ami__rasterisk_command.txt", 2),
        ("ami__command_core_show_version.txt", 2),
        ("ami__asyncagi_channel_does_not_exist.txt", 2),
    ],
)
def test_recorded_dialogues_are_packets(name: str, packets_in_it: int) -> None:
    """The corpus, as it was recorded: an action and its answer."""
    found = packets(corpus(name).replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert len(found) == packets_in_it
    assert "Response" in found[1]
