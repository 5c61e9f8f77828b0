"""What a reader sees when a page cannot be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from crocevia.errors import StoreError
from crocevia.web.pages.render import page

_log = structlog.get_logger("crocevia.web")
_SAID = {404: "There is no such page.", 405: "The pages are read-only.", 400: "This address is not right."}


def failures() -> ExceptionHandlersMap:
    """By the exception's class, for the framework."""
    return {HTTPException: _refused, StoreError: _no_store, Exception: _failed}


def _refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
    return _page(error.status_code, _SAID.get(error.status_code, "This cannot be shown."), dict(error.headers or {}))


def _no_store(_: Request[Any, Any, Any], error: StoreError) -> Response[str]:
    _log.warning("page not shown", reason=str(error))
    return _page(503, "The store cannot be read now. Try again in a moment.", {})


def _failed(_: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """A bug: said with its place, without the values that an error's text may quote."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last else ""
    _log.error("page failed", error=type(error).__name__, at=place)
    return _page(500, "This page failed. The log says where.", {})


def _page(status: int, what: str, headers: dict[str, str]) -> Response[str]:
    made = page("missing", status=status, what=what, connections=())
    made.headers.update(headers)
    return made
