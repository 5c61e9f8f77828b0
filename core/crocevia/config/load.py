"""Read `crocevia.toml`: everything that is wrong with it is told at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from crocevia.config.options import SETTING_NAMES, Options
from crocevia.config.secrets import Secrets
from crocevia.config.settings import SQLITE, ConnectionSettings, CoreSettings, FieldSettings, Settings
from crocevia.config.structure import WRONG, Reader, near, setting_name, shown
from crocevia.connector import ReceivesWebhooks
from crocevia.errors import ConfigError
from crocevia.identity.rules import Rules
from crocevia.mapping.configure import OWN_FIELDS, FieldType
from crocevia.plugins import Plugins
from crocevia.secret import Secret

_TABLES = ("crocevia", "identity", "connections", "fields")
_CONNECTION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def load_settings(path: Path, plugins: Plugins, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        path: The file.
        plugins: Their connectors say what a connection may set.
        environ: Where `{ env = "NAME" }` looks; None: the process's environment.

    Raises:
        ConfigError: everything that is wrong, one line each.
    """
    whole = _toml(path)
    secrets = Secrets(environ=os.environ if environ is None else environ, folder=path.absolute().parent)
    reader = Reader(secrets)
    for name in whole.keys() - set(_TABLES):
        got = f"an unknown one{near(name, _TABLES)}"
        reader.refuse(name, "[crocevia], [identity], [connections.NAME] or [fields.NAME]", got)
    core = _core(reader, whole.get("crocevia"), secrets)
    fields = _fields(reader, whole.get("fields"))
    connections: dict[str, ConnectionSettings] = {}
    disabled: list[str] = []
    for name, given in reader.table(whole.get("connections"), "connections").items():
        found = _connection(reader, name, given, plugins)
        if found is not None:
            connections[name] = found
        elif isinstance(given, dict) and given.get("enabled") is False:
            disabled.append(name)
    _webhooks(reader, connections, disabled)
    identity = reader.record(reader.table(whole.get("identity"), "identity"), Rules, "identity")
    if reader.problems or core is WRONG or identity is WRONG:
        raise ConfigError(*reader.problems)
    return Settings(
        path=path,
        core=core,
        identity=identity.for_region(core.region),
        fields=fields,
        connections=connections,
        disabled=tuple(disabled),
        in_plain_text=tuple(reader.in_plain_text),
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: expected a file of settings, got none; `crocevia init` writes one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected settings in TOML, got a file that cannot be read ({said})") from None


def _core(reader: Reader, given: Any, secrets: Secrets) -> Any:
    table = dict(reader.table(given, "crocevia"))
    if isinstance(table.get("store"), dict):  # a PostgreSQL URL may hold a password
        secret = reader.read(table["store"], Secret, "crocevia.store")
        table["store"] = secret.reveal() if isinstance(secret, Secret) else CoreSettings().store
    if isinstance(store := table.setdefault("store", CoreSettings().store), str) and store.startswith(SQLITE):
        table["store"] = SQLITE + str(secrets.folder / store.removeprefix(SQLITE))
    return reader.record(table, CoreSettings, "crocevia")


def _fields(reader: Reader, given: Any) -> dict[str, FieldType]:
    found: dict[str, FieldType] = {}
    for name, value in reader.table(given, "fields").items():
        if not _FIELD_NAME.fullmatch(name):
            reader.refuse(f"fields.{name}", "a name of small letters, digits and _", shown(name))
        elif name in OWN_FIELDS["profile"] or name == "contact_points":
            reader.refuse(f"fields.{name}", "a name of its own", "the name of one of core's fields")
        record = reader.record(value, FieldSettings, f"fields.{name}")
        if isinstance(record, FieldSettings):
            found[name] = record.type
    return found


def _webhooks(reader: Reader, connections: Mapping[str, ConnectionSettings], disabled: list[str]) -> None:
    """Whose webhooks come to a connection's URL: other connections that take some, each once."""
    able = [name for name, found in connections.items() if issubclass(found.connector_type, ReceivesWebhooks)]
    for name, connection in connections.items():
        path, others = f"connections.{name}.webhooks_for", connection.options.webhooks_for
        takers = [other for other in able if other != name]
        expected = f"other connections that take webhooks ({', '.join(takers) or 'there is none'}), each once"
        for other in dict.fromkeys(others):
            if other not in takers and other not in disabled:
                reader.refuse(path, expected, f"{shown(other)}{near(other, takers)}")
        if others and name not in able:
            reader.refuse(path, "a connection that takes webhooks itself", f"one of kind {connection.kind!r}")
        if len(set(others)) < len(others):
            reader.refuse(path, expected, "one of them twice")


def _connection(reader: Reader, name: str, given: Any, plugins: Plugins) -> ConnectionSettings | None:
    """One connection; None when it is disabled, or wrong."""
    path = f"connections.{name}"
    table = reader.table(given, path)
    if not _CONNECTION_NAME.fullmatch(name):
        reader.refuse(path, "a name of small letters, digits, - and _, which is part of a URL", shown(name))
    if table.get("enabled") is False or not isinstance(given, dict):
        return None
    if "enabled" in table:
        reader.read(table["enabled"], bool, f"{path}.enabled")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in plugins.connectors:
        known = ", ".join(plugins.connectors) or "none is installed"
        got = "nothing" if kind is None else f"{shown(kind)}{near(str(kind), plugins.connectors)}"
        failed = "; a plugin failed to load: `crocevia plugins` says why" if plugins.failures else ""
        reader.refuse(f"{path}.kind", f"one of the installed kinds ({known})", got + failed)
        return None
    connector_type = plugins.connectors[kind]
    theirs = {key: value for key, value in table.items() if key not in SETTING_NAMES}
    ours = {key: value for key, value in table.items() if key in SETTING_NAMES - {"kind", "enabled"}}
    if isinstance(ours.get("policy"), str):
        ours["policy"] = {"default": ours["policy"]}
    settings_type = connector_type.settings_type()
    if clash := {setting_name(a) for a in attrs.fields(settings_type)} & SETTING_NAMES:
        got = f"connector {kind!r} with {', '.join(sorted(clash))}, which its author must rename"
        reader.refuse(path, "a connector whose settings have names of their own", got)
    settings = reader.record(theirs, settings_type, path, also=SETTING_NAMES)
    options = reader.record(ours, Options, path)
    if settings is WRONG or not isinstance(options, Options):
        return None
    return ConnectionSettings(name=name, kind=kind, connector_type=connector_type, settings=settings, options=options)
