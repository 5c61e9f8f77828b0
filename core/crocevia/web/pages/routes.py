"""The read-only pages."""

from __future__ import annotations

import re

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlalchemy.engine import Connection

from crocevia.mapping import ObjectMapping
from crocevia.store import bindings, profiles
from crocevia.store.profiles import ProfileRow
from crocevia.sync.world import World
from crocevia.web.ingress import Ingress
from crocevia.web.pages.connection import details, overview
from crocevia.web.pages.decision import decided, waiting
from crocevia.web.pages.profile import addresses, facts, name_of
from crocevia.web.pages.record import remote_record
from crocevia.web.pages.render import page, static_files
from crocevia.web.pages.search import customers, totals
from crocevia.web.pages.timeline import timeline

_BEFORE = re.compile(r"(-?\d{1,18})-(\d{1,18})")
_MOST_ID = 1 << 62


class Pages:
    """Everything that the pages need, and what each of them shows."""

    def __init__(self, world: World, ingress: Ingress) -> None:
        self._world = world
        self._ingress = ingress

    def customers(self, query: str, before: int | None) -> Response[str]:
        """The list, with every connection in short."""
        with self._world.store.reading() as connection:
            found = customers(self._world.store, connection, query, before)
            people, touches = totals(connection)
            overviews = [overview(self._world, connection, live) for live in self._world.lives.values()]
        return self._page(
            "customers",
            query=query,
            first=before is None,
            found=found.found,
            before=found.before,
            people=people,
            touches=touches,
            overviews=overviews,
        )

    def customer(self, uid: str, before: str) -> Response[str] | Redirect:
        """One customer: profile, timeline, what each CRM holds, and why."""
        with self._world.store.reading() as connection:
            row = _profile(connection, uid)
            if row is None:
                return self._missing("There is no such customer.")
            if row.uid != uid:
                return Redirect(f"/customers/{row.uid}")
            since = _BEFORE.fullmatch(before)
            told = timeline(self._world, connection, row.id, (int(since[1]), int(since[2])) if since else None)
            records = [
                remote_record(found, self._mapping(found.connection, found.object), row.canonical())
                for found in bindings.of_subjects(connection, "profile", [row.id])
            ]
            why = decided(connection, row.id)
            open_reviews = waiting(connection, row.id)
        return self._page(
            "customer",
            profile=row,
            name=name_of(row),
            facts=facts(row),
            addresses=addresses(row),
            touches=told.touches,
            before=told.before,
            newest=since is None,
            records=sorted(records, key=lambda record: record.connection),
            decisions=why,
            reviews=open_reviews,
        )

    def connection(self, name: str) -> Response[str]:
        """One connection, closer."""
        live = self._world.lives.get(name)
        if live is None:
            return self._missing("There is no such connection.")
        with self._world.store.reading() as connection:
            short = overview(self._world, connection, live)
            closer = details(connection, live)
        answers = {status: n for (of, status), n in sorted(self._ingress.counts.copy().items()) if of == name}
        return self._page("connection", connection=short, details=closer, answers=answers)

    def _mapping(self, name: str, object_name: str) -> ObjectMapping | None:
        live = self._world.lives.get(name)
        return None if live is None else live.mappings.get(object_name)

    def _missing(self, what: str) -> Response[str]:
        return self._page("missing", status=404, what=what)

    def _page(self, template: str, *, status: int = 200, **values: object) -> Response[str]:
        return page(template, status=status, connections=sorted(self._world.lives), **values)


def _profile(connection: Connection, uid: str) -> ProfileRow | None:
    """A profile, or the one that it was merged into."""
    ids = profiles.ids_of(connection, [uid])
    return profiles.load_canonical(connection, ids.values()).get(ids[uid]) if uid in ids else None


def pages(world: World, ingress: Ingress) -> list[HTTPRouteHandler]:
    """`/`, `/customers/<uid>`, `/connections/<name>` and what they load."""
    shown = Pages(world, ingress)

    @get("/", sync_to_thread=True)
    def customers_page(q: FromQuery[str] = "", before: FromQuery[str] = "") -> Response[str]:
        return shown.customers(q, int(before) if before.isdecimal() and int(before) < _MOST_ID else None)

    @get("/customers/{uid:str}", sync_to_thread=True)
    def customer_page(uid: FromPath[str], before: FromQuery[str] = "") -> Response[str] | Redirect:
        return shown.customer(uid, before)

    @get("/connections/{name:str}", sync_to_thread=True)
    def connection_page(name: FromPath[str]) -> Response[str]:
        return shown.connection(name)

    @get("/static/{name:str}", sync_to_thread=False)
    def static(name: FromPath[str]) -> Response[bytes]:
        body, media_type = static_files().get(name, (b"", ""))
        return Response(
            body,
            status_code=200 if media_type else 404,
            media_type=media_type or "text/plain",
            headers={"cache-control": "no-cache"},
        )

    return [customers_page, customer_page, connection_page, static]
