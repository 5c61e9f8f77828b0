"""Settings as a connector's page prints them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs

from crocevia import Connector
from crocevia.config.options import SETTING_NAMES
from crocevia.testing.suite.subject import settings_from

PAGES = Path(__file__).resolve().parents[2] / "docs" / "connectors"


def printed(page: str, *kinds: type[Connector[Any]]) -> list[Any]:
    """The settings of each connection on a page, read as the daemon reads them, with a text for every secret.

    Raises:
        ConfigError: the page tells settings that are refused.
    """
    classes = {cls.kind: cls.settings_type() for cls in kinds}
    found = []
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE):
        for table in tomllib.loads(block).get("connections", {}).values():
            own = {name: value for name, value in table.items() if name not in SETTING_NAMES}
            given = {
                name: "secret" if isinstance(value, dict) and "env" in value else value for name, value in own.items()
            }
            found.append(settings_from(classes[table["kind"]], given))
    return found


def named_in(page: str, cls: type[Connector[Any]]) -> set[str]:
    """Settings of a connector that its page never names."""
    text = (PAGES / page).read_text()
    names = {attribute.metadata.get("setting", attribute.name) for attribute in attrs.fields(cls.settings_type())}
    return {name for name in names if not re.search(rf"\b{name}\b", text)}
