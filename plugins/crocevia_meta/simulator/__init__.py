"""A strict WhatsApp vendor of our own, as a local HTTP server: the Graph API to the business, customers to a test.

    with running_vendor(VendorSettings(app_secret=..., access_token=..., webhook=...)) as vendor:
        vendor.customers.text("393331234567", "Ciao!", name="Anna")

or, as a process of its own, `python -m crocevia_meta.simulator --help`. Not part of the connector: it stands on
whatever a test needs, and the connector on nothing of it.
"""

from crocevia_meta.simulator.client import Customers
from crocevia_meta.simulator.server import RunningVendor, running_vendor, serve
from crocevia_meta.simulator.settings import VendorSettings
from crocevia_meta.simulator.vendor import Vendor

__all__ = ["Customers", "RunningVendor", "Vendor", "VendorSettings", "running_vendor", "serve"]
