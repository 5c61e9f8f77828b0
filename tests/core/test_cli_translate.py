"""`crocevia translate`: raw input in, JSON lines out, no settings needed."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crocevia import cli

PLUGIN = '''
from attrs import frozen
from crocevia import Connector, Ignored, InteractionSeen, Party, ContactPoint, ReceivesWebhooks, Secret, Unrecognised
from crocevia import errors, hookimpl

@frozen
class Settings:
    token: Secret
    base_url: str

class Chat(Connector[Settings], ReceivesWebhooks):
    """A chat."""
    kind = "chat"
    leaf_paths = ("messages.*",)

    def verify(self, request, now, keys):
        raise NotImplementedError

    def parse(self, raw, context):
        body = raw.json()
        if "messages" not in body:
            raise errors.MalformedError("no messages")
        for number, message in enumerate(body["messages"]):
            leaf = f"/messages/{number}"
            match message["type"]:
                case "text":
                    yield InteractionSeen(key=message["id"], text=message["text"], at=context.from_s(0), leaf=leaf,
                        author=Party([ContactPoint("phone", "", raw.headers.get("x-from", context.region or "?"))]))
                case "typing":
                    yield Ignored(reason="no touch", leaf=leaf)
                case "crash":
                    raise ZeroDivisionError("Ada Lovelace")
                case "overlooked":
                    pass
                case other:
                    yield Unrecognised(what=f"type {other!r}", leaf=leaf)

@hookimpl
def crocevia_register_connectors():
    return [Chat]
'''
SPAM = """
@hookimpl
def crocevia_translate_event(event):
    return [] if getattr(event, "text", None) == "spam" else None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a connector in `crocevia_plugin.py`."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN)
    return tmp_path


def text(message: str = "hi", key: str = "m1") -> dict[str, Any]:
    """One text message."""
    return {"type": "text", "id": key, "text": message}


def body(*messages: dict[str, Any]) -> str:
    """A webhook's body."""
    return json.dumps({"messages": messages})


def run(*arguments: str, stdin: bytes = b"") -> Result:
    """Run `crocevia translate ARGUMENTS`."""
    return CliRunner().invoke(cli.main, ["translate", *arguments], input=stdin, catch_exceptions=False)


def lines(result: Result) -> list[dict[str, Any]]:
    """The JSON lines of standard output."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_file_is_one_line_with_every_leaf(folder: Path) -> None:
    """Events in our words, the ignored with the reason, the unrecognised, and what a connector passes over."""
    (folder / "a.json").write_text(
        body(text("ciào 🎉"), {"type": "typing"}, {"type": "hologram"}, {"type": "overlooked"})
    )
    (folder / "b.json").write_text(body())
    result = run("chat", "a.json", "b.json")
    first, second = lines(result)
    assert result.exit_code == 0
    assert (first["file"], first["kind"], first["leaves"]) == ("a.json", "chat", 4)
    assert [(event["event"], event["key"], event["text"]) for event in first["events"]] == [
        ("interaction seen", "m1", "ciào 🎉")
    ]
    assert first["ignored"] == [{"leaf": "/messages/1", "reason": "no touch"}]
    assert first["unrecognised"] == [
        {"leaf": "/messages/2", "what": "type 'hologram'"},
        {"leaf": "/messages/3", "what": "a leaf that the connector says nothing of"},
    ]
    assert second == {"file": "b.json", "kind": "chat", "leaves": 0, "events": [], "ignored": [], "unrecognised": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not json", "this is not chat input: the body is not JSON"),
        (b"{}", "this is not chat input: no messages"),
        (b"\xff\xfe", "this is not chat input: the body is not UTF-8"),
        (b"[" * 100_000, "this is not chat input: the body nests deeper than 64 levels"),
        (b'{"messages": [], "messages": []}', "the same key twice"),
        (
            b'{"messages": [{"type": "crash"}]}',
            "the connector chat failed on it (ZeroDivisionError): crocevia_plugin.py, line",
        ),
    ],
    ids=["no json", "other format", "no utf-8", "deep", "double key", "crash"],
)
def test_file_that_is_not_the_vendors_is_named_and_the_others_are_translated(
    folder: Path, content: bytes, says: str
) -> None:
    """On standard error, with why; exit code 1; nothing of a customer's in it."""
    (folder / "bad.json").write_bytes(content)
    (folder / "good.json").write_text(body(text()))
    result = run("chat", "bad.json", "good.json")
    assert (result.exit_code, [line["file"] for line in lines(result)]) == (1, ["good.json"])
    assert result.stderr.startswith("bad.json: ")
    assert (says in result.stderr, "Ada" in result.stderr, "Traceback" in result.stderr) == (True, False, False)


def test_unreadable_file_is_named(folder: Path) -> None:
    """One that is not there, and a folder."""
    result = run("chat", "none.json", ".")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "none.json: it cannot be read: no such file or directory",
        ".: it cannot be read: is a directory",
    ]


def test_standard_input_is_a_file_too(folder: Path) -> None:
    """Named "-"."""
    (line,) = lines(run("chat", "-", stdin=body(text()).encode()))
    assert (line["file"], line["leaves"]) == ("-", 1)


def test_headers_and_region_reach_the_connector(folder: Path) -> None:
    """As they would with a webhook and with settings."""
    (folder / "a.json").write_text(body(text()))
    for options, expected in ((["--header", "X-From: +39333"], "+39333"), (["--region", "IT"], "IT"), ([], "?")):
        (line,) = lines(run("chat", "a.json", *options))
        assert line["events"][0]["author"]["points"][0]["value"] == expected


def test_plugins_translate_too(folder: Path) -> None:
    """What is dropped is among the ignored, with the plugin's name."""
    (folder / "crocevia_plugin.py").write_text(PLUGIN + SPAM)
    (folder / "a.json").write_text(body(text("spam"), text("ham", "m2")))
    (line,) = lines(run("chat", "a.json"))
    assert [event["text"] for event in line["events"]] == ["ham"]
    assert line["ignored"] == [{"leaf": "/messages/0", "reason": "dropped by plugin crocevia_plugin"}]


def test_text_that_utf8_cannot_hold_is_escaped(folder: Path) -> None:
    """Half an emoji, cut by a careless vendor."""
    (folder / "a.json").write_text('{"messages": [{"type": "text", "id": "m", "text": "\\ud83c"}]}')
    (line,) = lines(run("chat", "a.json"))
    assert line["events"][0]["text"] == "\ud83c"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chta", "a.json"], "No connector of kind 'chta' is installed, only chat. Did you mean chat?"),
        (["chat"], "Missing argument"),
        (["chat", "a.json", "--header", "nonsense"], "A header is written 'NAME: VALUE'"),
    ],
)
def test_wrong_usage_is_told(folder: Path, arguments: list[str], says: str) -> None:
    """With the exit code of wrong usage."""
    result = run(*arguments)
    assert (result.exit_code, says in result.stderr) == (2, True)
