"""Templates to HTML: everything escaped, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response
from markupsafe import Markup

from crocevia.model import from_us

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_HUES = 6


def page(template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """Render one page. It is never kept by a browser: it shows personal data."""
    text = _environment().get_template(f"{template}.html.j2").render(values)
    return Response(text, media_type=MediaType.HTML, status_code=status, headers={"cache-control": "no-store"})


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Style, script and pictures by name, each with its media type."""
    folder = files(__package__) / "static"
    return {
        file.name: (file.read_bytes(), _TYPES[suffix])
        for file in folder.iterdir()
        if (suffix := file.name.rpartition(".")[2]) in _TYPES
    }


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "day": _day,
        "span": span,
        "value": value,
        "hue": hue,
        "initials": initials,
        "size": _size,
        "number": "{:,}".format,
    }
    return made


def moment(at_us: int | None, style: str = "full") -> Markup:
    """A `<time>` in UTC, which the script shows in the reader's zone; "never" for None and 0.

    Args:
        style: `"full"`, or `"clock"` where the day is told already.
    """
    if not at_us:
        return Markup('<span class="quiet">never</span>')
    at = from_us(at_us)
    shown = f"{at:%H:%M}" if style == "clock" else f"{at.day} {at:%b %Y, %H:%M}"
    return Markup('<time datetime="{}" data-style="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), style, at.strftime("%Y-%m-%d %H:%M:%S"), shown
    )


def _day(at: datetime) -> str:
    return f"{at:%A} {at.day} {at:%B %Y}"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def value(held: Any) -> str:
    """A field's value on one line; `""` for nothing."""
    if held is None:
        return ""
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, list | tuple):
        return ", ".join(": ".join(map(str, item)) if isinstance(item, list | tuple) else value(item) for item in held)
    if isinstance(held, Mapping):
        return ", ".join(f"{name}: {value(item)}" for name, item in held.items())
    return str(held)


def hue(name: str) -> int:
    """One of six colours for a name, always the same."""
    return crc32(name.encode()) % _HUES


def initials(name: str) -> str:
    """One or two letters for a name; `"?"` for one that has none."""
    words = [word for word in name.split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def _size(count: int) -> str:
    for unit, size in (("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
