"""One module's figures; in a module of its own so that a fresh process can import it."""

from __future__ import annotations

import importlib
from typing import Any

Figure = dict[str, Any]


def measured(module: str) -> dict[str, Figure]:
    """The figures of one module of this package."""
    found: dict[str, Figure] = importlib.import_module(f"benchmarks.{module}").run()
    return found
