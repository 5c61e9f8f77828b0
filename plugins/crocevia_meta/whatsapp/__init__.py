"""WhatsApp Business Platform (Cloud API) as a channel, kind `whatsapp`."""

from crocevia_meta.whatsapp.connector import WhatsApp
from crocevia_meta.whatsapp.settings import Settings

__all__ = ["Settings", "WhatsApp"]
