"""`crocevia check`: what is right, what is not, and what to do."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crocevia import cli
from crocevia.cli.check_store import check_store, wal_reset_corrupts
from crocevia.store import Store, database, upgrade

PLUGIN = """
from attrs import frozen
from crocevia import Connector, FieldSchema, Finding, ObjectSchema, ReadsRecords, ReceivesWebhooks, Secret
from crocevia import WritesRecords
from crocevia import errors, hookimpl
from crocevia.mapping import Names, ObjectMapping

@frozen(kw_only=True)
class Settings:
    token: Secret | None = None
    state: str = "up"

class Base(Connector[Settings]):
    kind = "base"
    def parse(self, raw, context):
        return ()
    def check(self):
        yield Finding(level="ok", what="login")
        match self.settings.state:
            case "refused":
                yield Finding(level="problem", what="login", do="mend the token")
            case "down":
                raise errors.RetryableError("crm: GET http://127.0.0.1:9 got no answer")
            case "bug":
                raise ZeroDivisionError("Ada Lovelace")

class Chat(Base, ReceivesWebhooks):
    kind = "chat"
    def verify(self, request, now, keys):
        raise NotImplementedError

class Crm(Base, ReadsRecords, WritesRecords):
    kind = "crm"
    def mappings(self):
        return (ObjectMapping(object="Contact", of="profile", lenses=[Names(given="First", family="Last")]),
                ObjectMapping(object="Touch", of="interaction", lenses=[]))
    def describe(self, name):
        match self.settings.state:
            case "unreachable" | "refused":
                raise errors.RetryableError("crm: no answer")
            case "no object" if name == "Contact":
                raise errors.SchemaDriftError("crm: there is no Contact")
        fields = [FieldSchema(name=n, type="string") for n in ("First", "Last")]
        return ObjectSchema(name=name, fields={f.name: f for f in fields})
    def changes(self, name, cursor, fields): raise NotImplementedError
    def fetch(self, name, ids, fields): raise NotImplementedError
    def find(self, name, points, fields): raise NotImplementedError
    def write(self, batch): raise NotImplementedError

@hookimpl
def crocevia_register_connectors():
    return [Chat, Crm]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two connectors in `crocevia_plugin.py`."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN)
    return tmp_path


def run(folder: Path, settings: str, *arguments: str) -> Result:
    """Run `crocevia check ARGUMENTS` with these settings."""
    (folder / "crocevia.toml").write_text(settings)
    return CliRunner().invoke(cli.main, ["check", *arguments], catch_exceptions=False)


def unwell(folder: Path, settings: str, *arguments: str) -> list[tuple[str, str, str, str]]:
    """Level, subject, what and what to do of all that is not well; the exit code says whether there is a problem."""
    result = run(folder, settings, "--json", *arguments)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == int(any(line["level"] == "problem" for line in found))
    return [(line["level"], line["subject"], line["what"], line["do"]) for line in found if line["level"] != "ok"]


CRM = '[connections.crm]\nkind = "crm"\n'


def test_all_is_well(folder: Path) -> None:
    """Each thing that was looked at is a line, and the exit code is 0."""
    result = run(folder, '[crocevia]\npublic_url = "https://a.example"\n[connections.c]\nkind = "chat"\n' + CRM)
    assert result.exit_code == 0
    for line in (
        "ok       settings: crocevia.toml",
        "ok       c: login",
        "ok       c: webhook URL, to be set at the vendor: https://a.example/hooks/c",
        "ok       crm: Contact.Last",
    ):
        assert line in result.output.splitlines()
    assert result.output.splitlines()[-1].startswith("0 problems, 0 warnings, ")


def test_quiet_tells_only_what_is_not_well(folder: Path) -> None:
    """For a shell script or a terminal with little room."""
    assert run(folder, CRM, "--quiet").output.count("\n") == 1


def test_wrong_settings_are_problems_each_with_its_path(folder: Path) -> None:
    """All at once, and nothing else is looked at."""
    assert unwell(folder, '[crocevia]\nlog = "x"\n[connections.a]\nkind = "y"') == [
        ("problem", "settings", "crocevia.log", "expected one of 'console', 'json', got 'x'"),
        ("problem", "settings", "connections.a.kind", "expected one of the installed kinds (chat, crm), got 'y'"),
    ]


def test_missing_file_says_how_to_get_one(folder: Path) -> None:
    """The first thing that a new user meets."""
    result = CliRunner().invoke(cli.main, ["check"], catch_exceptions=False)
    assert (result.exit_code, "`crocevia init` writes one" in result.output) == (1, True)


def test_secret_in_plain_text_is_a_warning(folder: Path) -> None:
    """It works; its text is not shown."""
    ((level, subject, what, do),) = unwell(folder, CRM + 'token = "s3cret"')
    assert (level, subject, what, "s3cret" in do) == ("warning", "settings", "connections.crm.token", False)


def test_a_connection_behind_anothers_url_has_none_of_its_own(folder: Path) -> None:
    """What is to be set at the vendor is the other's."""
    two = '[connections.c]\nkind = "chat"\nwebhooks_for = ["d"]\n[connections.d]\nkind = "chat"'
    said = run(folder, f'[crocevia]\npublic_url = "https://a.example"\n{two}').output
    assert "ok       c: webhook URL, to be set at the vendor: https://a.example/hooks/c" in said
    assert "ok       d: webhooks come through c" in said
    assert "/hooks/d" not in said


def test_no_connection_and_no_public_url_are_warnings(folder: Path) -> None:
    """With the next step."""
    ((_, _, _, nothing),) = unwell(folder, "")
    ((_, _, _, webhook),) = unwell(folder, '[connections.c]\nkind = "chat"')
    ((_, _, _, open_),) = unwell(folder, '[crocevia]\npublic_url = "http://a.b"\n[connections.c]\nkind = "chat"')
    assert "`crocevia init` shows how" in nothing
    assert "set public_url in [crocevia]" in webhook
    assert "has no TLS" in open_


def test_engine_that_nobody_gives_is_a_problem(folder: Path) -> None:
    """With those that there are."""
    ((level, _, what, do),) = unwell(folder, '[crocevia]\nengine = "celery"\n' + CRM)
    assert (level, what, do) == ("problem", "crocevia.engine", "no engine 'celery' is installed, only embedded")


def test_failed_plugin_is_a_problem(folder: Path) -> None:
    """Whatever else is right."""
    (folder / "crocevia_plugin.py").write_text(PLUGIN + "\n@hookimpl\ndef crocevia_translate_evnt(event): ...\n")
    ((level, subject, what, do),) = unwell(folder, CRM)
    assert (level, subject, what) == ("problem", "plugins", "crocevia_plugin (hook)")
    assert "did you mean crocevia_translate_event?" in do


def test_unreachable_crm_is_a_problem_and_the_others_are_looked_at(folder: Path) -> None:
    """Said once, with the connection and the address."""
    found = unwell(folder, CRM + 'state = "down"\n[connections.two]\nkind = "crm"\nstate = "unreachable"')
    assert [(level, subject) for level, subject, _, _ in found] == [("problem", "crm"), ("problem", "two")]
    assert "http://127.0.0.1:9 got no answer" in found[0][3]


def test_what_the_connector_has_said_is_not_said_again(folder: Path) -> None:
    """Without a login nothing can be described; one line is enough."""
    assert unwell(folder, CRM + 'state = "refused"') == [("problem", "crm", "login", "mend the token")]


def test_connector_that_fails_is_a_problem_without_its_text(folder: Path) -> None:
    """A bug in one connector stops neither the others nor says a customer's name."""
    ((level, _, _, do),) = unwell(folder, CRM + 'state = "bug"')
    assert (level, "ZeroDivisionError" in do, "Ada" in do) == ("problem", True, False)


def test_mapped_fields_are_held_against_the_crm(folder: Path) -> None:
    """A field that is not there, an object that is not there, a mapping that cannot be."""
    assert [(what, level) for level, _, what, _ in unwell(folder, CRM + 'mapping.Contact.language = "Lang"')] == [
        ("Contact.Lang", "problem")
    ]
    assert [what for _, _, what, _ in unwell(folder, CRM + 'state = "no object"')] == ["Contact"]
    assert [what for _, _, what, _ in unwell(folder, CRM + 'mapping.Contact.x = "Y"')] == [
        "connections.crm.mapping.Contact.x"
    ]


def test_named_connections_alone_are_looked_at(folder: Path) -> None:
    """A name that is not there is wrong usage."""
    settings = CRM + '[connections.two]\nkind = "crm"\nstate = "down"'
    assert unwell(folder, settings, "crm") == []
    result = run(folder, settings, "three")
    assert (result.exit_code, "No connection is called 'three', only crm, two." in result.stderr) == (2, True)


# --- the store ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "corrupts"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_of_sqlite_that_corrupt(version: tuple[int, ...], *, corrupts: bool) -> None:
    """3.7.0 to 3.51.2, without the two branches that were mended."""
    assert wal_reset_corrupts(version) is corrupts


def unwell_store(url: str) -> list[tuple[str, str]]:
    """Level and advice of what is not well with a store."""
    return [(finding.level, finding.do) for finding in check_store(url) if finding.level != "ok"]


def test_sqlite_that_corrupts_is_a_loud_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own, where the wheel is missing."""
    old = SimpleNamespace(sqlite_version="3.40.1", __name__="sqlite3")
    monkeypatch.setattr(database, "sqlite_module", lambda: old)
    ((level, do),) = unwell_store(f"sqlite:///{tmp_path}/x.db")
    assert (level, "THIS VERSION CAN CORRUPT THE STORE" in do) == ("warning", True)


def test_store_that_is_not_there_yet_is_right_and_stays_away(tmp_path: Path) -> None:
    """To look is not to make."""
    assert unwell_store(f"sqlite:///{tmp_path}/new/x.db") == []
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_there_is_reached(tmp_path: Path) -> None:
    """With the version of its schema."""
    url = f"sqlite:///{tmp_path}/x.db"
    store = Store(url)
    upgrade(store)
    store.close()
    assert unwell_store(url) == []
    assert "(schema 0" in list(check_store(url))[-1].what


def test_store_that_cannot_be_had_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no database, a folder that cannot be made, a server that does not answer."""
    (tmp_path / "x.db").write_text("this is no database, and long enough to look like one " * 20)
    ((garbage, _),) = unwell_store(f"sqlite:///{tmp_path}/x.db")
    ((blocked, advice),) = unwell_store(f"sqlite:///{tmp_path}/x.db/y/z.db")
    ((silent, _),) = unwell_store("postgresql://nobody:s3cret@127.0.0.1:9/none")
    assert (garbage, blocked, silent) == ("problem", "problem", "problem")
    assert "cannot be written" in advice


def test_password_of_a_store_is_not_shown() -> None:
    """Neither in what nor in what to do."""
    assert "s3cret" not in repr(list(check_store("postgresql://nobody:s3cret@127.0.0.1:9/none")))


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the disk is full and webhooks are refused."""
    usage: Any = SimpleNamespace(free=100 * 1024 * 1024)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    assert unwell_store(f"sqlite:///{tmp_path}/x.db") == [("warning", "a full disk refuses webhooks: make room")]
