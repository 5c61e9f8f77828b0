"""For authors of connectors: fakes, a clock, fault points, and the conformance suite.

    from crocevia.testing import connector_suite
    from crocevia_acme import AcmeChat

    TestAcmeChat = connector_suite(AcmeChat, samples="samples/", settings={"token": "s3cret", "workspace": "w1"})

The suite needs `crocevia[test]`; everything else here runs with what Crocevia itself needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crocevia.testing.clock import FakeClock, seeded_random
from crocevia.testing.fault_points import FaultPoints, Hold, KilledError
from crocevia.testing.memory_channel import (
    Emitted,
    MemoryChannel,
    MemoryChannelConnector,
    MemoryChannelSettings,
)
from crocevia.testing.memory_crm import Call, MemoryCRM, MemoryCRMConnector, MemoryCRMSettings, Mutation, Trouble
from crocevia.testing.peer import Answered, Asked, CRMPeer, Peer, Taken

if TYPE_CHECKING:
    from crocevia.testing.suite import connector_suite

__all__ = [
    "Answered",
    "Asked",
    "CRMPeer",
    "Call",
    "Emitted",
    "FakeClock",
    "FaultPoints",
    "Hold",
    "KilledError",
    "MemoryCRM",
    "MemoryCRMConnector",
    "MemoryCRMSettings",
    "MemoryChannel",
    "MemoryChannelConnector",
    "MemoryChannelSettings",
    "Mutation",
    "Peer",
    "Taken",
    "Trouble",
    "connector_suite",
    "seeded_random",
]


def __getattr__(name: str) -> Any:
    """Import the suite when it is asked for: it alone needs pytest and Hypothesis."""
    if name != "connector_suite":
        msg = f"module {__name__} has no attribute {name}"
        raise AttributeError(msg)
    from crocevia.testing.suite import connector_suite as suite  # noqa: PLC0415 - pytest is not always installed

    return suite
