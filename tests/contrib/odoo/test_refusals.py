"""Each way in which Odoo says no is a decision, and none quotes what it was given."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import crocevia_odoo
from crocevia import ParseContext, Raw, Write, Written
from crocevia.errors import (
    AuthError,
    ConflictError,
    GoneError,
    MalformedError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
)
from crocevia_odoo import Odoo
from tests.contrib.odoo.scripted import ScriptedOdoo, connector

SAID = "Ada Rossi, +393471234567"


def failing(name: str, said: str = SAID) -> dict[str, Any]:
    """An answer as Odoo gives it for an exception."""
    return {
        "error": {"code": 200, "message": "Odoo Server Error", "data": {"name": name, "message": said, "debug": said}}
    }


@pytest.mark.parametrize(
    ("name", "said", "decision"),
    [
        ("odoo.exceptions.UserError", SAID, RejectedError),
        ("odoo.exceptions.ValidationError", SAID, RejectedError),
        ("odoo.exceptions.RedirectWarning", SAID, RejectedError),
        ("psycopg2.IntegrityError", SAID, RejectedError),
        ("odoo.exceptions.AccessError", SAID, RejectedError),
        ("odoo.exceptions.AccessDenied", SAID, AuthError),
        ("psycopg2.OperationalError", 'database "crm" does not exist', AuthError),
        ("psycopg2.OperationalError", SAID, RetryableError),
        ("odoo.exceptions.MissingError", SAID, GoneError),
        ("builtins.ValueError", "Invalid field 'shoe_size' on model 'res.partner'", SchemaDriftError),
        ("builtins.ValueError", SAID, RetryableError),
        ("psycopg2.errors.SerializationFailure", f"could not serialize access {SAID}", ConflictError),
        ("builtins.TypeError", SAID, RetryableError),
        ("", SAID, RetryableError),
    ],
)
def test_an_exception_is_a_decision_that_quotes_nothing(name: str, said: str, decision: type[RemoteError]) -> None:
    """Odoo's sentences hold names and numbers of customers."""
    with pytest.raises(RemoteError) as caught:
        connector(ScriptedOdoo({("res.partner", "search_read"): failing(name, said)})).fetch(
            "res.partner", ["1"], ["name"]
        )

    assert isinstance(caught.value, decision)
    assert "Ada" not in str(caught.value)
    assert "crm" in str(caught.value)
    if isinstance(caught.value, SchemaDriftError):
        assert caught.value.fields == ("shoe_size",)


@pytest.mark.parametrize(
    ("message", "decision", "hint"),
    [
        ({"field": ".id", "message": SAID}, GoneError, "not there"),
        ({"field": "lang", "message": SAID}, RejectedError, "lang"),
        ({"message": f"Unknown error: <class 'odoo.exceptions.AccessError'>: {SAID}"}, RejectedError, "may not"),
        ({"message": f"could not serialize access due to concurrent update {SAID}"}, RetryableError, "again"),
        ({"message": SAID}, RejectedError, "replay"),
    ],
)
def test_a_refused_row_is_a_decision_and_the_others_are_loaded(
    message: dict[str, Any], decision: type[RemoteError], hint: str
) -> None:
    """`load` takes nothing while one row is wrong; it is asked again without that row."""
    tables: list[list[list[str]]] = []

    def load(fields: list[str], data: list[list[str]], **keywords: Any) -> dict[str, Any]:
        tables.append(data)
        if len(tables) == 1:
            return {"ids": False, "messages": [{"type": "error", "record": 1, **message}, {"type": "warning"}]}
        return {"ids": [5, 7], "messages": []}

    def search_read(domain: list[Any], names: list[str], **keywords: Any) -> list[Any]:
        return [{"id": id_, "write_date": "2026-11-22 10:00:00", "write_uid": [7, "us"]} for id_ in domain[-1][2]]

    session = ScriptedOdoo({("res.partner", "load"): load, ("res.partner", "search_read"): search_read})
    writes = [
        Write(object="res.partner", operation="update", key=f"p{id_}", id=str(id_), values={"name": SAID})
        for id_ in (5, 6, 7)
    ]
    first, second, third = connector(session).write(writes)

    assert [row[0] for row in tables[1]] == ["5", "7"]
    assert isinstance(first, Written)
    assert isinstance(third, Written)
    assert type(second) is decision
    assert hint in str(second)
    assert "Ada" not in str(second)


def test_a_table_that_is_refused_without_a_row_is_refused_as_a_whole() -> None:
    """The core halves it then."""
    load = {"ids": False, "messages": [{"type": "error", "message": SAID}]}
    write = Write(object="res.partner", operation="update", key="p1", id="1", values={"name": SAID})
    with pytest.raises(RejectedError, match="names no row") as caught:
        connector(ScriptedOdoo({("res.partner", "load"): load})).write([write])
    assert "Ada" not in str(caught.value)


def test_a_deletion_is_believed_at_the_second_look() -> None:
    """One list that came back short is no proof; what is missing twice is told, and where it was merged into."""
    short = [1, 2]

    def rows(domain: list[Any], names: list[str], **keywords: Any) -> list[Any]:
        stamped = {"write_date": "2026-11-22 10:00:00", "write_uid": False, "name": "n", "active": True}
        return [{"id": id_, **stamped, "type": "contact", "partner_share": True} for id_ in (1, 2, 3, 4)]

    def search(domain: list[Any], **keywords: Any) -> list[int]:
        return short if domain[0][1] == "<=" else [id_ for id_ in domain[0][2] if id_ in there]

    certificate = {"id": 9, "name": "at_3__p3", "res_id": 1}
    session = ScriptedOdoo(
        {
            ("res.partner", "search_read"): rows,
            ("res.partner", "search_count"): 4,
            ("res.partner", "search"): search,
            ("ir.model.data", "search_read"): [certificate],
            ("res.company", "search_read"): [{"id": 1, "partner_id": [1, "us"]}],
        }
    )
    odoo = connector(session)
    there = {1, 2, 3, 4}
    cursor = odoo.changes("res.partner", None, ["name"]).cursor
    session.answers["res.partner", "search_count"] = 2
    at_first = odoo.changes("res.partner", cursor, ["name"])
    there = {1, 2}
    then = odoo.changes("res.partner", at_first.cursor, ["name"])

    assert b'"gone":[]' in at_first.body or at_first.body == b""
    assert b'"gone":[{"id":3,"into":1,"at":"2026-11-22T10:00:30+00:00"},{"id":4,"into":null,' in then.body


@pytest.mark.parametrize("page", [[], {}, {"object": 3}, {"object": "res.partner", "rows": {}}])
def test_what_is_no_page_is_refused(page: Any) -> None:
    """As a whole, with the connection's name."""
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    raw = Raw(connection="crm", kind="odoo", body=json.dumps(page).encode(), received_at=now, source="page")
    with pytest.raises(MalformedError, match="crm"):
        list(connector().parse(raw, ParseContext(now=now)))


def test_the_plugin_gives_the_connector() -> None:
    """By the hook that every plugin has."""
    assert crocevia_odoo.crocevia_register_connectors() == [Odoo]
