"""An in-memory CRM: the server, and a connector over it."""

from crocevia.testing.memory_crm.connector import MemoryCRMConnector, MemoryCRMSettings
from crocevia.testing.memory_crm.row import Call, Mutation
from crocevia.testing.memory_crm.schema import PERSON, TOUCH
from crocevia.testing.memory_crm.server import MemoryCRM
from crocevia.testing.memory_crm.trouble import Trouble

__all__ = [
    "PERSON",
    "TOUCH",
    "Call",
    "MemoryCRM",
    "MemoryCRMConnector",
    "MemoryCRMSettings",
    "Mutation",
    "Trouble",
]
