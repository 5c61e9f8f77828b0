"""Settings: typed, with every error at once, each with its path, what was expected and what was got."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keyring
import pytest
from attrs import field, frozen, validators

from crocevia import Connector, ReadsRecords, Secret, hookimpl
from crocevia.config import Settings, build_connector, build_mappings, load_settings, placeholder_settings
from crocevia.errors import ConfigError
from crocevia.mapping import CODECS, Names, ObjectMapping, Plain, Reference, Slots, picklist
from crocevia.plugins import Plugins


@frozen(kw_only=True)
class Limits:
    """A nested table."""

    per_second: float = 5.0


@frozen(kw_only=True)
class ChatSettings:
    """Every type that settings are made of."""

    token: Secret
    workspace: str
    backup_token: Secret | None = None
    tries: int = field(default=3, validator=validators.in_((1, 2, 3)))
    mode: Literal["fast", "slow"] = "fast"
    rooms: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(factory=dict)
    limits: Limits = Limits()
    log_file: Path | None = None
    either: str | int = 0

    def __attrs_post_init__(self) -> None:
        """A rule over two settings."""
        if self.mode == "slow" and not self.rooms:
            raise ConfigError("rooms: expected at least one, as mode is slow, got none")


class Chat(Connector[ChatSettings]):
    """A channel."""

    kind = "chat"

    def parse(self, raw: Any, context: Any) -> Any:
        """Nothing."""
        return ()


@frozen
class CrmSettings:
    """Nothing needed."""


class Crm(Connector[CrmSettings], ReadsRecords):
    """A CRM with one object of each sort."""

    kind = "crm"

    def parse(self, raw: Any, context: Any) -> Any:
        """Nothing."""
        return ()

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """Names, a slot, a picklist; and a reference."""
        language = Plain(name="language", field="Lang", codec=picklist({"it": "Italian"}), direction="to crm")
        slots = Slots(places={"Mobile": ("phone", "mobile")})
        return (
            ObjectMapping(
                object="Contact", of="profile", lenses=[Names(given="First", family="Last"), slots, language]
            ),
            ObjectMapping(object="Touch", of="interaction", lenses=[Reference(field="Who", object="Contact")]),
        )

    def describe(self, object_name: str) -> Any:
        """Not asked."""

    def changes(self, object_name: str, cursor: str | None, fields: Any) -> Any:
        """Not asked."""

    def fetch(self, object_name: str, ids: Any, fields: Any) -> Any:
        """Not asked."""

    def find(self, object_name: str, points: Any, fields: Any) -> Any:
        """Not asked."""


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """A plugin with both."""
    loaded = Plugins()
    loaded.add(SimpleNamespace(crocevia_register_connectors=hookimpl(lambda: [Chat, Crm])), "test", "test")
    loaded.collect_connectors()
    return loaded


Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, plugins: Plugins) -> Load:
    """Write settings and read them."""

    def loaded(text: str, **environ: str) -> Settings:
        path = tmp_path / "crocevia.toml"
        path.write_text(text)
        return load_settings(path, plugins, environ=environ)

    return loaded


def problems(load: Load, text: str, **environ: str) -> list[str]:
    """What is wrong with settings."""
    with pytest.raises(ConfigError) as raised:
        load(text, **environ)
    return list(raised.value.problems)


TYPES = ("text", "integer", "decimal", "boolean", "date", "datetime", "list")
A_SECRET = 'a secret: { env = "NAME" }, { file = "PATH" } or { keyring = "SERVICE/NAME" }'
CHAT = """
[connections.acme]
kind = "chat"
token = { env = "TOKEN" }
workspace = "w1"
"""


# --- what is right --------------------------------------------------------------------------------------------------


def test_nothing_said_is_good_defaults(load: Load, tmp_path: Path) -> None:
    """An empty file is a daemon without connections, its store beside the file."""
    settings = load("")
    assert (
        settings.core.store,
        settings.core.host,
        settings.core.port,
        settings.core.region,
        settings.connections,
    ) == (
        f"sqlite:///{tmp_path}/crocevia.db",
        "127.0.0.1",
        8700,
        None,
        {},
    )


def test_core_settings_are_read(load: Load, tmp_path: Path) -> None:
    """A relative store lies beside the file, an absolute one where it says."""
    core = load(
        '[crocevia]\nstore = "sqlite:///data/x.db"\nlisten = "[::1]:0"\npublic_url = "https://a.example/x"\n'
        'region = "IT"\nlog = "json"'
    ).core
    assert (core.store, core.host, core.port, core.public_url, core.region, core.log) == (
        f"sqlite:///{tmp_path}/data/x.db",
        "::1",
        0,
        "https://a.example/x",
        "IT",
        "json",
    )
    assert load('[crocevia]\nstore = "sqlite:////var/lib/x.db"').core.store == "sqlite:////var/lib/x.db"


def test_store_may_come_from_the_environment(load: Load) -> None:
    """A PostgreSQL URL holds a password; it is never printed."""
    core = load('[crocevia]\nstore = { env = "DB" }', DB="postgresql://u:pw@h/n").core
    assert (core.store, "pw" in repr(core)) == ("postgresql://u:pw@h/n", False)


def test_connection_is_read_as_its_connector_types_it(load: Load, tmp_path: Path) -> None:
    """Nested tables, lists, paths beside the file, unions; whole numbers where decimals are meant."""
    settings = load(
        CHAT + 'mode = "slow"\nrooms = ["a", "b"]\nlabels = { x = "y" }\nlimits = { per_second = 2 }\n'
        'log_file = "chat.log"\neither = 7\nbackup_token = false\npoll_seconds = 5\npolicy = "ask"',
        TOKEN="s3cret",
    )
    connection = settings.connections["acme"]
    assert connection.settings == ChatSettings(
        token=Secret("s3cret"),
        workspace="w1",
        mode="slow",
        rooms=("a", "b"),
        labels={"x": "y"},
        limits=Limits(per_second=2.0),
        log_file=tmp_path / "chat.log",
        either=7,
    )
    assert (connection.kind, connection.connector_type, connection.options.poll_s) == ("chat", Chat, 5.0)
    assert (connection.options.policy("any"), connection.options.writes) == ("ask", True)


def test_policy_by_field_falls_back_to_the_default(load: Load) -> None:
    """A table says more than one text."""
    text = '[connections.c]\nkind = "crm"\npolicy = { default = "channel wins", given_name = "crm wins" }'
    options = load(text).connections["c"].options
    assert (options.policy("given_name"), options.policy("language")) == ("crm wins", "channel wins")


def test_disabled_connection_needs_nothing(load: Load) -> None:
    """Its secrets may be missing; it is named, and not among the connections."""
    settings = load('[connections.acme]\nkind = "chat"\nenabled = false')
    assert (settings.connections, settings.disabled) == ({}, ("acme",))


def test_connector_is_built_with_its_name_and_settings(load: Load) -> None:
    """What a daemon starts with."""
    connection = load(CHAT, TOKEN="x").connections["acme"]
    connector = build_connector(connection)
    assert (type(connector), connector.connection, connector.settings) == (Chat, "acme", connection.settings)


# --- secrets --------------------------------------------------------------------------------------------------------


def test_secrets_come_from_environment_file_and_keyring(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's last line end is not part of the secret."""
    (tmp_path / "token").write_text("from file\n")
    monkeypatch.setattr(keyring, "get_password", lambda service, name: f"{service}:{name}")
    for source, expected in (
        ('{ env = "T" }', "from environment"),
        ('{ file = "token" }', "from file"),
        ('{ keyring = "my/service/bot" }', "my/service:bot"),
        ('"in plain text"', "in plain text"),
    ):
        settings = load(CHAT.replace('{ env = "TOKEN" }', source), T="from environment")
        assert settings.connections["acme"].settings.token.reveal() == expected
        assert settings.in_plain_text == (("connections.acme.token",) if source.startswith('"') else ())


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('{ env = "T" }', ".env: expected a secret in the environment variable T, got no such variable"),
        ('{ env = "EMPTY" }', ".env: expected a secret in the environment variable EMPTY, got an empty one"),
        ('{ file = "none" }', "no such file or directory"),
        ('{ file = "." }', "is a directory"),
        ('{ keyring = "x" }', '.keyring: expected "SERVICE/NAME", got a text without the two parts'),
        ('{ keyring = "a/b" }', "got none: `keyring set a b` puts it there"),
        ('{ vault = "x" }', "got a table with vault"),
        ("{ }", "got a table with nothing"),
        ('{ env = "a", file = "b" }', "got a table with env, file"),
        ("7", "got a value of another type"),
        ('""', "got an empty text"),
    ],
)
def test_secret_that_cannot_be_had_is_named(
    load: Load, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    """With the setting's path, the variable or file, and what to do."""
    monkeypatch.setattr(keyring, "get_password", lambda service, name: None)
    (found,) = problems(load, CHAT.replace('{ env = "TOKEN" }', source), EMPTY=" ")
    assert found.startswith("connections.acme.token")
    assert problem in found


def test_machine_without_a_keyring_says_the_other_ways(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server has none by default."""

    def refuse(service: str, name: str) -> None:
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", refuse)
    (found,) = problems(load, CHAT.replace('{ env = "TOKEN" }', '{ keyring = "a/b" }'))
    assert found.endswith("got no keyring here (NoKeyringError): use env or file")


def test_no_error_quotes_a_secret(load: Load) -> None:
    """Neither a token under a misspelled name, nor the parts of a wrong table."""
    text = CHAT + 'tokn = "s3cret-1"\nbackup_token = ["s3cret-2"]'
    assert not [line for line in problems(load, text, TOKEN="s3cret-3") if "s3cret" in line]


# --- what is wrong --------------------------------------------------------------------------------------------------


def test_every_error_is_told_at_once(load: Load) -> None:
    """Across sections, each with its path."""
    sections = "[crocevia], [identity], [connections.NAME] or [fields.NAME]"
    assert problems(
        load,
        """
        crocvia = 1
        [crocevia]
        listen = "8700"
        region = "Italy"
        log = "xml"
        stroe = "x"
        [fields.loyalty]
        type = "money"
        [fields.given_name]
        type = "text"
        [connections.acme]
        kind = "chat"
        workspace = 7
        tries = 9
        wrokspace = "w"
        [connections.Bad]
        kind = "chta"
        [connections.none]
        """,
    ) == [
        f"crocvia: expected {sections}, got an unknown one; did you mean crocevia?",
        "crocevia.listen: expected \"HOST:PORT\", got '8700'",
        "crocevia.region: expected an ISO country in capitals, such as \"IT\", got 'Italy'",
        "crocevia.log: expected one of 'console', 'json', got 'xml'",
        "crocevia.stroe: expected a setting that there is, got an unknown one; did you mean store?",
        f"fields.loyalty.type: expected one of {', '.join(map(repr, TYPES))}, got 'money'",
        "fields.given_name: expected a name of its own, got the name of one of core's fields",
        "connections.acme.workspace: expected a text, got 7",
        "connections.acme.tries: expected in (1, 2, 3), got 9",
        "connections.acme.wrokspace: expected a setting that there is, got an unknown one; did you mean workspace?",
        f"connections.acme.token: expected {A_SECRET}, got nothing",
        "connections.Bad: expected a name of small letters, digits, - and _, which is part of a URL, got 'Bad'",
        "connections.Bad.kind: expected one of the installed kinds (chat, crm), got 'chta'; did you mean chat?",
        "connections.none.kind: expected one of the installed kinds (chat, crm), got nothing",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tries = true", "acme.tries: expected a whole number, got true"),
        ('tries = "3"', "acme.tries: expected a whole number, got '3'"),
        ("tries = 3.0", "acme.tries: expected a whole number, got 3.0"),
        ('rooms = "a"', "acme.rooms: expected a list, got 'a'"),
        ('rooms = ["a", 1]', "acme.rooms[1]: expected a text, got 1"),
        ("labels = []", "acme.labels: expected a table, got a list"),
        ("labels = { x = 1 }", "acme.labels.x: expected a text, got 1"),
        (
            "limits = { per_secnd = 1 }",
            "per_secnd: expected a setting that there is, got an unknown one; did you mean per_",
        ),
        ("limits = 5", "acme.limits: expected a table, got 5"),
        ("either = []", "acme.either: expected a text or a whole number, got a list"),
        ('mode = "slow"', "acme.rooms: expected at least one, as mode is slow, got none"),
        ("poll_seconds = 0", "acme.poll_seconds: expected > 0, got 0.0"),
        ("poll_s = 5", "acme.poll_s: expected a setting that there is, got an unknown one; did you mean poll_seconds?"),
        ('workspace = ""', "acme.workspace: expected a text, got an empty one"),
        ("enabled = 1", "acme.enabled: expected true or false, got 1"),
        ('guard = "write"', "acme.guard: expected one of 'none', 'read', got 'write'"),
        (
            'policy = "newest"',
            "acme.policy.default: expected one of 'latest', 'priority', 'crm wins', 'channel wins', 'ask', got 'new",
        ),
        ('policy = { given_name = "x" }', "acme.policy.given_name: expected one of 'latest', 'priority', 'crm wins', "),
    ],
)
def test_one_wrong_line_is_told_with_its_path(load: Load, line: str, problem: str) -> None:
    """Nothing is converted: a text is no number, true is no 1."""
    base = CHAT.replace('workspace = "w1"\n', "") if line.startswith("workspace") else CHAT
    (found,) = problems(load, base + line, TOKEN="x")
    assert problem in found


def test_connector_whose_settings_hide_cores_is_refused(tmp_path: Path) -> None:
    """A setting that two read would mean two things."""

    @frozen
    class Clashing:
        priority: str = ""

    class Channel(Chat):
        @classmethod
        def settings_type(cls) -> type[Any]:
            return Clashing

    plugins = Plugins()
    plugins.add(SimpleNamespace(crocevia_register_connectors=hookimpl(lambda: [Channel])), "test", "test")
    plugins.collect_connectors()
    path = tmp_path / "crocevia.toml"
    path.write_text('[connections.a]\nkind = "chat"')
    with pytest.raises(ConfigError, match="connector 'chat' with priority, which its author must rename"):
        load_settings(path, plugins)


def test_broken_toml_and_missing_file_are_told(load: Load, tmp_path: Path, plugins: Plugins) -> None:
    """With the line, or with how to get one."""
    (broken,) = problems(load, "[crocevia\n")
    assert "at line 1" in broken
    with pytest.raises(ConfigError, match="`crocevia init` writes one"):
        load_settings(tmp_path / "none.toml", plugins)


def test_kind_of_a_plugin_that_failed_says_where_to_look(tmp_path: Path) -> None:
    """The kind may be missing because its plugin is broken."""
    plugins = Plugins()
    plugins.fail("acme", "import", "x", "y")
    path = tmp_path / "crocevia.toml"
    path.write_text('[connections.a]\nkind = "acme"')
    with pytest.raises(ConfigError, match="a plugin failed to load: `crocevia plugins` says why"):
        load_settings(path, plugins)


# --- mappings -------------------------------------------------------------------------------------------------------


def mapped(load: Load, lines: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """`{object: {our fields: remote fields}}` of a CRM with these settings."""
    return {
        mapping.object: {"+".join(lens.fields): lens.remote for lens in mapping.lenses}
        for mapping in mappings(load, lines)
    }


def mappings(load: Load, lines: str) -> tuple[ObjectMapping, ...]:
    """The mappings of a CRM with these settings."""
    settings = load(
        f'[fields.loyalty]\ntype = "decimal"\n[fields.tags]\ntype = "list"\n[connections.c]\nkind = "crm"\n{lines}'
    )
    connection = settings.connections["c"]
    return build_mappings(connection, build_connector(connection), settings.fields)


NAMES = "given_name+family_name+display_name"


def test_without_settings_the_mapping_is_the_connectors_own(load: Load) -> None:
    """Nothing is lost on the way."""
    assert mapped(load, "") == {
        "Contact": {NAMES: ("First", "Last"), "contact_points": ("Mobile",), "language": ("Lang",)},
        "Touch": {"profile": ("Who",)},
    }


def test_fields_are_added_moved_and_left_out(load: Load) -> None:
    """Custom fields by their type; core's by name; false unmaps."""
    lines = """
    [connections.c.mapping.Contact]
    language = false
    loyalty = { field = "Loyalty__c", direction = "from crm" }
    tags = "Tags__c"
    contact_points = { places = { Phone2 = ["phone", "mobile"], Mail = ["email", "main"] } }
    [connections.c.mapping.Touch]
    profile = "Person__c"
    text = "Body__c"
    """
    assert mapped(load, lines) == {
        "Contact": {
            NAMES: ("First", "Last"),
            "loyalty": ("Loyalty__c",),
            "tags": ("Tags__c",),
            "contact_points": ("Phone2", "Mail"),
        },
        "Touch": {"profile": ("Person__c",), "text": ("Body__c",)},
    }
    contact, touch = mappings(load, lines)
    by_name = {lens.fields[0]: lens for lens in (*contact.lenses, *touch.lenses)}
    loyalty, tags, profile = by_name["loyalty"], by_name["tags"], by_name["profile"]
    assert isinstance(loyalty, Plain)
    assert isinstance(tags, Plain)
    assert isinstance(profile, Reference)
    assert (loyalty.codec, loyalty.direction) == (CODECS["decimal"], "from crm")
    assert (tags.codec, tags.direction, profile.object) == (CODECS["semicolon list"], "both", "Contact")


def test_moved_field_keeps_what_the_connector_knows_of_it(load: Load) -> None:
    """Its picklist and its direction; until the settings say otherwise."""
    contact, _ = mappings(load, '[connections.c.mapping.Contact]\nlanguage = "L2"')
    moved = contact.lenses[-1]
    assert (moved.encode({"language": "it"}), moved.direction) == ({"L2": "Italian"}, "to crm")
    contact, _ = mappings(
        load, '[connections.c.mapping.Contact]\nlanguage = { field = "L2", options = { it = "ITA" } }'
    )
    assert contact.lenses[-1].encode({"language": "it"}) == {"L2": "ITA"}


def test_names_are_mapped_one_by_one_when_all_are_said(load: Load) -> None:
    """What a connector keeps together is taken apart as a whole."""
    lines = '[connections.c.mapping.Contact]\ngiven_name = "G"\nfamily_name = "F"\ndisplay_name = false'
    assert mapped(load, lines)["Contact"] == {
        "contact_points": ("Mobile",),
        "language": ("Lang",),
        "given_name": ("G",),
        "family_name": ("F",),
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'mapping.Contact.given_name = "G"',
            "mapping.Contact.given_name: expected family_name, display_name to be mapped or unmapped (= false) too",
        ),
        ('mapping.Contact.loyality = "L"', "a field nobody knows; did you mean loyalty?"),
        ("mapping.Contact.loyalty = false", "mapping.Contact.loyalty: expected a field that Contact maps"),
        ('mapping.Contact.loyalty = { field = "L", codec = "decimals" }', "got 'decimals'; did you mean decimal?"),
        ("mapping.Contact.loyalty = {}", "mapping.Contact.loyalty: expected the name of a remote field, got none"),
        ('mapping.Contact.contact_points = "X"', "mapping.Contact.contact_points: expected { places"),
        ('mapping.Contact.loyalty = "Lang"', "loyalty: expected a field of its own, got Lang, which holds language"),
        (
            'mapping.Contcat.loyalty = "L"',
            "mapping.Contcat: expected one of Contact, Touch, got 'Contcat'; did you mean Con",
        ),
        (
            'policy.loyality = "ask"',
            "policy.loyality: expected one of our fields, got an unknown one; did you mean loyalty?",
        ),
    ],
)
def test_mapping_that_cannot_be_is_told_with_its_path(load: Load, lines: str, problem: str) -> None:
    """Before anything is read or written with it."""
    with pytest.raises(ConfigError) as raised:
        mappings(load, lines)
    (found,) = raised.value.problems
    assert found.startswith("connections.c.")
    assert problem in found


def test_mapping_line_of_a_wrong_shape_is_told(load: Load) -> None:
    """Already when the file is read."""
    (found,) = problems(load, '[connections.c]\nkind = "crm"\nmapping.Contact.loyalty = 5')
    assert found == "connections.c.mapping.Contact.loyalty: expected a text or a table, got 5"


def test_mapping_of_a_connector_without_records_is_told(load: Load) -> None:
    """A channel keeps none."""
    connection = load(CHAT + 'mapping.Contact.x = "y"', TOKEN="x").connections["acme"]
    with pytest.raises(ConfigError, match="expected no mapping, as chat keeps no records"):
        build_mappings(connection, build_connector(connection), {})


# --- placeholders ---------------------------------------------------------------------------------------------------


def test_placeholders_make_settings_without_any(plugins: Plugins) -> None:
    """Required settings get something of their type, the others their default."""
    made = placeholder_settings(Chat)
    assert (made.workspace, made.token, made.mode, made.limits) == (
        "placeholder",
        Secret("placeholder"),
        "fast",
        Limits(),
    )


def test_placeholders_leave_rules_aside() -> None:
    """A rule that no placeholder can know does not stop `translate`."""

    @frozen
    class Strict:
        url: str
        code: str
        tags: tuple[str, ...]
        more: list[str] = field(factory=list)

        def __attrs_post_init__(self) -> None:
            raise ValueError

    class Channel(Chat):
        @classmethod
        def settings_type(cls) -> type[Any]:
            return Strict

    made = placeholder_settings(Channel)
    assert (made.url, made.code, made.tags, made.more) == ("https://placeholder.invalid", "placeholder", (), [])
