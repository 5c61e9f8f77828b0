"""The web application: webhooks and visitors past the framework, everything else through it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from litestar import Litestar

from crocevia.store.journal import GroupCommit
from crocevia.sync.lane import Lane
from crocevia.sync.world import World
from crocevia.web.guard import Guard
from crocevia.web.health import Health
from crocevia.web.ingress import PREFIX, Ingress, Receive, Scope, Send
from crocevia.web.metrics import registry
from crocevia.web.operations import operations
from crocevia.web.pages import failures, pages
from crocevia.web.pressure import Pressure
from crocevia.web.server import Served, serve
from crocevia.web.visitors import PREFIX as VISITORS
from crocevia.web.visitors import Visitors

__all__ = ["App", "Served", "build_app", "serve"]


class App:
    """The ASGI application of a daemon. `ingress` and `visitors` are for who wants to look at their counts."""

    def __init__(self, ingress: Ingress, visitors: Visitors, rest: Guard) -> None:
        self.ingress = ingress
        self.visitors = visitors
        self._rest = rest

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            return self.ingress(scope, receive, send)
        if scope["type"] == "http" and scope["path"].startswith(VISITORS):
            return self.visitors(scope, receive, send)
        return self._rest(scope, receive, send)

    def close(self) -> None:
        """Answer those at once who wait for news: the server is about to stop."""
        self.visitors.close()


def build_app(
    world: World,
    journal: GroupCommit,
    *,
    lanes: Mapping[str, Lane] | None = None,
    public_url: str | None = None,
    pressure: Pressure | None = None,
) -> App:
    """Put the application together.

    Args:
        lanes: The lanes that this process runs, for their health; None where workers run elsewhere.
        public_url: What vendors see before `/hooks/...`, without a slash at its end.
        pressure: What stands in the way of taking more in; who gives it looks at it now and then.
    """
    ingress = Ingress(world, journal, public_url, pressure)
    visitors = Visitors(world, journal, pressure)
    health = Health(world, journal, ingress, lanes or {})
    framework = Litestar(
        route_handlers=[*operations(health, registry(world, ingress, visitors)), *pages(world, ingress)],
        exception_handlers=failures(),
        openapi_config=None,
        logging_config=None,
    )
    return App(ingress, visitors, Guard(framework))
