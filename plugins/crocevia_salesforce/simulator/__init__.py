"""A Salesforce org to test against: a real HTTP server, as strict as the real one, with faults on demand."""

from crocevia_salesforce.simulator.options import Options
from crocevia_salesforce.simulator.proxy import make_certificate, running_proxy
from crocevia_salesforce.simulator.running import Simulator, running_simulator, serve

__all__ = ["Options", "Simulator", "make_certificate", "running_proxy", "running_simulator", "serve"]
