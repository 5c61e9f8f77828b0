"""Tryton as a CRM: the connector, the Tryton module it needs, and a real server for tests.

`crocevia_tryton.tryton_module` runs inside trytond, everything else inside Crocevia; neither imports the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crocevia import hookimpl

if TYPE_CHECKING:
    from crocevia_tryton.connector import Tryton


@hookimpl
def crocevia_register_connectors() -> list[type[Tryton]]:
    """Give the connector."""
    # trytond imports this package on its way to our module: it need not load a connector for that.
    from crocevia_tryton.connector import Tryton  # noqa: PLC0415 - see above

    return [Tryton]
