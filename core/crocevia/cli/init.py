"""`crocevia init`: a commented crocevia.toml for the connectors that are installed."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import click

from crocevia.cli.session import Session, pass_session
from crocevia.secret import Secret

_WIDTH = 100
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


@click.command()
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--stdout", is_flag=True, help="Print it instead of writing a file.")
@pass_session
def init(session: Session, kinds: tuple[str, ...], *, force: bool, stdout: bool) -> None:
    """Write settings with every connector that is installed, explained.

    The connections of each KIND that is named are ready to be filled in; the others, and whatever has a default, are
    comments.
    """
    known = session.plugins.connectors
    if unknown := [kind for kind in kinds if kind not in known]:
        raise click.UsageError(f"No connector of kind {unknown[0]!r} is installed, only {', '.join(known) or 'none'}.")
    text = "\n".join(settings_text(session, kinds)) + "\n"
    if stdout:
        click.echo(text, nl=False)
        return
    _write(session.path, text, force=force)
    click.echo(f"{session.path} is written. Fill in what you need, then say `crocevia check`.")


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(
            f"{path} is there already: --force writes over it, --stdout prints instead."
        ) from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None


def settings_text(session: Session, kinds: Collection[str]) -> Iterator[str]:
    """The lines of the file."""
    from crocevia.config import CoreSettings, Options

    yield from _comment(
        "Settings of Crocevia. A line that begins with # is a comment: what stands there is the default or an example. "
        'A secret is { env = "NAME" }, { file = "PATH" } or { keyring = "SERVICE/NAME" }. '
        "`crocevia check` looks at all of it."
    )
    yield ""
    yield "[crocevia]"
    yield from _record(CoreSettings, "", live=True)
    for kind, connector in session.plugins.connectors.items():
        live = kind in kinds
        mark = "" if live else "# "
        yield ""
        yield from _comment(_summary(connector))
        yield f"{mark}[connections.{kind}]"
        yield f'{mark}kind = "{kind}"'
        yield from _record(connector.settings_type(), kind.upper(), live=live)
    yield ""
    yield from _comment("Each connection may also say how core treats it:")
    yield from _record(Options, "", live=False)
    yield ""
    yield from _comment("Which field of the CRM holds which of ours, where it is not as the connector has it:")
    yield "# [connections.NAME.mapping.OBJECT]"
    yield '# language = "Language__c"'
    yield '# loyalty = { field = "Loyalty__c", direction = "from crm" }'
    yield "# display_name = false"
    yield ""
    yield from _comment(
        "Fields of customers that are yours alone: text, integer, decimal, boolean, date, datetime or list."
    )
    yield "# [fields.loyalty]"
    yield '# type = "decimal"'


def _record(cls: type[Any], prefix: str, *, live: bool) -> Iterator[str]:
    """Each setting of a class, with what its docstring says of it; those without a default are live."""
    says = {name: re.sub(r"\s+", " ", text) for name, text in _ATTRIBUTE.findall(inspect.getdoc(cls) or "")}
    for attribute in attrs.fields(attrs.resolve_types(cls)):
        name = attribute.metadata.get("setting", attribute.alias or attribute.name)
        if not attribute.init or name == "mapping":
            continue
        if attribute.name in says:
            yield from _comment(says[attribute.name])
        needed = attribute.default is attrs.NOTHING
        value, remark = _shown(attribute, name, f"{prefix}_{name.upper()}".strip("_"))
        yield f"{'' if live and needed else '# '}{name} = {value}{remark}"


def _shown(attribute: attrs.Attribute[Any], name: str, variable: str) -> tuple[str, str]:
    """Default or example of a setting, and whether it is needed or not set."""
    default: Any = attribute.default
    if name == "policy":
        return '"latest"', ""
    if isinstance(default, (str, int, float)):
        return _toml(default), ""
    remark = "  # needed" if default is attrs.NOTHING else "  # not set" if default is None else ""
    return _example(attribute.type, variable), remark


def _example(kind: Any, name: str) -> str:
    """Something of a type, as TOML."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Secret:
        return f'{{ env = "{name}" }}'
    if origin is Literal:
        return _toml(args[0])
    if origin in (Union, types.UnionType):
        return _example(next(arg for arg in args if arg is not type(None)), name)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "{}"
    if isinstance(origin, type) and issubclass(origin, (Sequence, AbstractSet)):
        return "[]"
    return {bool: "false", int: "1", float: "1.0"}.get(kind, "{}" if attrs.has(kind) else '""')


def _toml(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


def _summary(connector: type[Any]) -> str:
    """The first paragraph of a connector's docstring."""
    return re.sub(r"\s+", " ", (inspect.getdoc(connector) or connector.kind).split("\n\n", 1)[0])


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in wrap(text, _WIDTH))
