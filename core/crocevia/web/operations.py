"""For who runs the daemon: is it alive, is it ready, what does it count."""

from __future__ import annotations

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from crocevia.web.health import Health

_NO_STORE = {"cache-control": "no-store"}


def operations(health: Health, registry: CollectorRegistry) -> list[HTTPRouteHandler]:
    """`/healthz`, `/readyz` and `/metrics`."""

    @get("/healthz", media_type=MediaType.TEXT, sync_to_thread=False)
    def healthz() -> Response[str]:
        """The process answers; nothing else is looked at."""
        return Response("alive\n", headers=_NO_STORE)

    @get("/readyz", media_type=MediaType.TEXT, sync_to_thread=True)
    def readyz() -> Response[str]:
        """200 when it can take and carry on what comes, or stands by to; 503 with one reason a line when not."""
        reasons = health.reasons()
        text = "\n".join(reasons or ["ready", *health.standing_by()])
        return Response(f"{text}\n", status_code=503 if reasons else 200, headers=_NO_STORE)

    @get("/metrics", sync_to_thread=True)
    def metrics() -> Response[bytes]:
        """In the text format of Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)

    return [healthz, readyz, metrics]
