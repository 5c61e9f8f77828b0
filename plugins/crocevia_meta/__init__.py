"""Meta's channels: WhatsApp, Messenger, Instagram, Facebook Pages.

One webhook subscription of one app may feed them all; what they share (envelope, signature, handshake, Graph API) is
in this package's own modules, what each says of itself in a package of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crocevia import Connector, hookimpl
from crocevia_meta.facebook_page import FacebookPage
from crocevia_meta.instagram import Instagram
from crocevia_meta.messenger import Messenger
from crocevia_meta.whatsapp import WhatsApp

__all__ = ["FacebookPage", "Instagram", "Messenger", "WhatsApp"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """WhatsApp, Messenger, Instagram and Facebook Pages."""
    return [WhatsApp, Messenger, Instagram, FacebookPage]


@hookimpl
def crocevia_register_simulators() -> Mapping[str, Callable[[Sequence[str]], int | None]]:
    """A simulated WhatsApp, and a simulated page with its Instagram account, with customers to play."""
    return {"whatsapp": _simulate, "meta_page": _simulate_page}


def _simulate(arguments: Sequence[str]) -> int:
    from crocevia_meta.simulator.__main__ import main  # noqa: PLC0415 - a daemon never needs the simulator

    return main(list(arguments))


def _simulate_page(arguments: Sequence[str]) -> int:
    from crocevia_meta.simulator.social.__main__ import main  # noqa: PLC0415 - a daemon never needs the simulator

    return main(list(arguments))
