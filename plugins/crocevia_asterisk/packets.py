"""AMI's framing: bytes to packets, and an action to bytes. No I/O.

A packet is lines of `Key: value`, ended by an empty line; a key may come several times. The answer of a command is
`Response: Follows` with loose lines up to `--END COMMAND--` (before Asterisk 14), or `Output: ` lines (since).
Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/ (Asterisk 22, 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, field

from crocevia.errors import RejectedError

Packet = Mapping[str, str | tuple[str, ...]]
"""`{key: value}`, or the values of a key that came several times; `OUTPUT` has the lines that have no key."""

OUTPUT = "Output"
MAX_LINE_BYTES = 64 * 1024
MAX_LINES = 4096
_END = "--END COMMAND--"
_HEADS = ("Privilege:", "ActionID:", "Message:")
_FIRST = ("Event:", "Response:")


@define
class Packets:
    """Makes packets of what arrives, in pieces of any size; what is too long is cut, never kept whole.

    Attributes:
        banner: The line with which an exchange greets; `""` until it came.
    """

    banner: str = ""
    _rest: bytes = b""
    _cut: bool = False
    _lines: list[str] = field(factory=list)
    _follows: bool = False
    _gap: bool = False

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole now."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            whole, self._cut = not self._cut, False
            if whole:
                yield from self._line(_text(line[:MAX_LINE_BYTES]))
        if len(rest) > MAX_LINE_BYTES and not self._cut:
            yield from self._line(_text(rest[:MAX_LINE_BYTES]))
            self._cut = True
        self._rest = b"" if self._cut else rest

    def _line(self, line: str) -> Iterator[Packet]:
        if not self.banner and not self._lines and line.startswith("Asterisk Call Manager"):
            self.banner = line
            return
        if self._follows and not (self._gap and line.startswith(_FIRST)):
            self._gap = not line
            if line == _END:
                yield from self._flush()
            elif len(self._lines) < MAX_LINES:
                self._lines.append(line if line.startswith(_HEADS) else f"{OUTPUT}: {line}")
            return
        if self._follows or not line:
            yield from self._flush()
        if line:
            self._follows = line.lower().replace(" ", "") == "response:follows"
            if len(self._lines) < MAX_LINES:
                self._lines.append(line)

    def _flush(self) -> Iterator[Packet]:
        lines, self._lines, self._follows, self._gap = self._lines, [], False, False
        if lines:
            yield _packet(lines)


def _text(line: bytes) -> str:
    """As text: what is no UTF-8 is marked, what is no character is left out."""
    text = line.removesuffix(b"\r").decode(errors="replace")
    return text if text.isprintable() else "".join(filter(str.isprintable, text.replace("\t", " ")))


def _packet(lines: list[str]) -> Packet:
    found: dict[str, str | tuple[str, ...]] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        key, value = (key.strip(), value.strip()) if colon else (OUTPUT, line)
        had = found.get(key)
        if had is None:
            found[key] = value
        else:
            found[key] = (*((had,) if isinstance(had, str) else had), value)
    return found


def text_of(packet: Packet, key: str) -> str:
    """One value; the first where there are several, `""` where there is none."""
    value = packet.get(key, "")
    return value if isinstance(value, str) else value[0]


def action(name: str, **headers: str | tuple[str, ...]) -> bytes:
    """An action, as it goes over the wire; empty values are left out.

    Raises:
        RejectedError: a value holds a line end, which would begin another header.
    """
    lines = [f"Action: {name}"]
    for key, given in headers.items():
        for value in (given,) if isinstance(given, str) else given:
            if not value.isprintable():
                raise RejectedError(f"{name}: {key} holds a character that AMI cannot carry: mend the settings")
            if value:
                lines.append(f"{key}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
