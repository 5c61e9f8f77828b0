"""Meta's channels: WhatsApp.

One webhook subscription of one app may feed them all; what they share (envelope, signature, handshake, Graph API) is
in this package's own modules, what each says of itself in a package of its own.
"""

from typing import Any

from crocevia import Connector, hookimpl
from crocevia_meta.whatsapp import WhatsApp

__all__ = ["WhatsApp"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """WhatsApp."""
    return [WhatsApp]
