"""Salesforce as a CRM: the connector, the package that it installs in an org, and a simulator of the org."""

from __future__ import annotations

from crocevia import Connector, hookimpl
from crocevia.errors import PluginError

try:
    from crocevia_salesforce.connector import Salesforce
    from crocevia_salesforce.settings import Settings
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in ("simple_salesforce", "jwt", "phonenumbers"):
        raise
    raise PluginError(f"the Salesforce connector needs {missing}: install crocevia[salesforce]") from error

__all__ = ["Salesforce", "Settings", "crocevia_register_connectors"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Settings]]]:
    """Kind `salesforce`."""
    return [Salesforce]
