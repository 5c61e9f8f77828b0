"""The HTTP surface, one module a family of addresses; importing it fills ``router``."""

from crocevia_salesforce.simulator.http import Router

router = Router()
"""Addresses below ``/services/data/v…/``, without that beginning."""

root = Router()
"""All other addresses: tokens, versions, SOAP, the page, the simulator's own."""
