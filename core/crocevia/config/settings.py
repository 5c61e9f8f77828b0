"""What `crocevia.toml` says, as records, and what is made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen, validators

from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.config.options import Options
from crocevia.config.structure import near, shown
from crocevia.connector import Connector, ReadsRecords
from crocevia.errors import ConfigError
from crocevia.http import Http
from crocevia.identity.rules import Rules
from crocevia.mapping import ObjectMapping
from crocevia.mapping.configure import OWN_FIELDS, FieldType, configured
from crocevia.mapping.stand_in import with_placeholders

FILE = "crocevia.toml"
SQLITE = "sqlite:///"


def _listen(_: Any, __: Any, value: str) -> None:
    host, _colon, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f'listen: expected "HOST:PORT", got {shown(value)}')


def _public_url(_: Any, __: Any, value: str | None) -> None:
    if value is not None and (not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", value) or value.endswith("/")):
        expected = 'a URL without a slash at its end, such as "https://hooks.example.com"'
        raise ConfigError(f"public_url: expected {expected}, got {shown(value)}")


def _region(_: Any, __: Any, value: str | None) -> None:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - slow to load

    if value is not None and value not in SUPPORTED_REGIONS:
        raise ConfigError(f'region: expected an ISO country in capitals, such as "IT", got {shown(value)}')


def _store(_: Any, __: Any, value: str) -> None:
    if not value.startswith((SQLITE, "postgresql://")):
        kind = value.split(":", 1)[0] if ":" in value else "something else"
        raise ConfigError(f'store: expected "sqlite:///FILE" or "postgresql://USER@HOST/NAME", got {kind}')


@frozen(kw_only=True)
class CoreSettings:
    """`[crocevia]`.

    Attributes:
        store: `sqlite:///FILE` (beside the settings, unless absolute) or `postgresql://...`. May hold a password.
        listen: Address of the web server; port 0 takes any free one.
        public_url: How vendors reach the web server, without a slash at its end; None: not from outside.
        region: ISO country of phone numbers without a prefix; None: such numbers are kept as they are.
        log: `"console"` for people, `"json"` for programs.
        engine: Who runs the lanes; a plugin may give others.
        least_free_mb: Below so much free space beside an SQLite store, webhooks are asked to come again (503).
        lease_seconds: How long a daemon's right to work on a connection lasts unless it is renewed: on PostgreSQL,
            another one takes over so long after it died.
    """

    store: str = field(default="sqlite:///crocevia.db", validator=_store, repr=False)
    listen: str = field(default="127.0.0.1:8700", validator=_listen)
    public_url: str | None = field(default=None, validator=_public_url)
    region: str | None = field(default=None, validator=_region)
    log: Literal["console", "json"] = "console"
    engine: str = "embedded"
    least_free_mb: int = field(default=100, validator=validators.ge(0))
    lease_seconds: float = field(default=30.0, validator=[validators.ge(1), validators.le(3600)])

    @property
    def host(self) -> str:
        """The host to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])


@frozen(kw_only=True)
class FieldSettings:
    """`[fields.NAME]`: a field of profiles that is not core's own."""

    type: FieldType


@frozen(kw_only=True)
class ConnectionSettings:
    """`[connections.NAME]`.

    Attributes:
        settings: An instance of the connector's own settings.
        options: The core's settings of this connection.
    """

    name: str
    kind: str
    connector_type: type[Connector[Any]]
    settings: Any
    options: Options


@frozen(kw_only=True)
class Settings:
    """Everything that `crocevia.toml` says.

    Attributes:
        path: The file.
        identity: `[identity]`, with blocked addresses in their normal form.
        fields: The field registry: our name -> type.
        connections: By name; those with `enabled = false` are left out.
        disabled: Names of those.
        in_plain_text: Paths of secrets that stand in the file itself; `crocevia check` warns of them.
    """

    path: Path
    core: CoreSettings
    fields: Mapping[str, FieldType]
    connections: dict[str, ConnectionSettings]
    identity: Rules = field(factory=Rules)
    disabled: tuple[str, ...] = ()
    in_plain_text: tuple[str, ...] = ()


def build_connector(
    connection: ConnectionSettings, *, http: Http | None = None, clock: Clock = SYSTEM_CLOCK
) -> Connector[Any]:
    """Make the connector of a connection."""
    return connection.connector_type(connection.settings, connection=connection.name, http=http, clock=clock)


def build_mappings(
    connection: ConnectionSettings, connector: Connector[Any], fields: Mapping[str, FieldType]
) -> tuple[ObjectMapping, ...]:
    """The connector's mappings as the settings change them; none for a connector that reads no records.

    Raises:
        ConfigError: everything that is wrong with `[connections.NAME.mapping]` and `policy`, one line each.
    """
    path = f"connections.{connection.name}"
    wanted = dict(connection.options.mapping)
    own = connector.mappings() if isinstance(connector, ReadsRecords) else ()
    problems: list[str] = []
    made: list[ObjectMapping] = []
    for mapping in own:
        try:
            changed = configured(mapping, wanted.pop(mapping.object, {}), fields)
        except ConfigError as error:
            problems += [f"{path}.mapping.{mapping.object}.{problem}" for problem in error.problems]
            continue
        try:
            made.append(with_placeholders(changed, connection.options.placeholders.get(mapping.object, {})))
        except ConfigError as error:
            problems += [f"{path}.placeholders.{mapping.object}.{problem}" for problem in error.problems]
    names = [mapping.object for mapping in own]
    for left in wanted:
        expected = f"one of {', '.join(names)}" if names else f"no mapping, as {connection.kind} keeps no records"
        problems.append(f"{path}.mapping.{left}: expected {expected}, got {left!r}{near(left, names)}")
    problems += _unknown_objects(connection, own)
    mapped = {name for mapping in own for lens in mapping.lenses for name in lens.fields} | {*fields, "default"}
    for name in connection.options.policies.keys() - mapped - OWN_FIELDS["profile"].keys():
        problems.append(f"{path}.policy.{name}: expected one of our fields, got an unknown one{near(name, mapped)}")
    if problems:
        raise ConfigError(*problems)
    return tuple(made)


def _unknown_objects(connection: ConnectionSettings, own: Sequence[ObjectMapping]) -> list[str]:
    """What the settings say of objects that the connector does not map."""
    path, options = f"connections.{connection.name}", connection.options
    names = [mapping.object for mapping in own]
    people = [mapping.object for mapping in own if mapping.of == "profile"]
    problems = [
        f"{path}.placeholders.{name}: expected {_one_of(names)}, got {name!r}{near(name, names)}"
        for name in options.placeholders.keys() - set(names)
    ]
    if options.record_as is not None and options.record_as not in people:
        name = options.record_as
        problems.append(f"{path}.record_as: expected {_one_of(people)}, got {name!r}{near(name, people)}")
    return problems


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if names else "nothing, as this connector keeps no such records"
