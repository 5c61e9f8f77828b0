"""CPU from a webhook's bytes to the CRM's acknowledgement, beside a bare loop that does the least one could.

Both verify, journal in groups of 200 (synchronous=FULL), parse, find or make the customer, post 200 records a call to
the same stub, and commit the outcomes. The bare loop has raw SQLite, no identity rules, no revisions, no retries.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks import _traffic
from benchmarks._stub import stub
from crocevia import Raw
from crocevia.cli.run import calm_collector
from crocevia.signatures import Request
from crocevia.store import journal
from crocevia.store.database import sqlite_module
from crocevia.sync.intake import take_in
from crocevia.sync.push import Push
from crocevia.sync.world import World

COUNT, CUSTOMERS, GROUP, ROUNDS = 4_000, 1_000, 200, 5


def crocevia_cpu_s(world: World, bodies: list[bytes]) -> float:
    """CPU seconds of Crocevia for these webhooks."""
    channel, crm = world.lives[_traffic.CHANNEL], world.lives[_traffic.CRM]
    signed = [(payload, _traffic.signature(payload)) for payload in bodies]
    started = time.process_time()
    for start in range(0, len(signed), GROUP):
        raws = []
        for payload, signature in signed[start : start + GROUP]:
            now = datetime.now(UTC)
            request = Request(method="POST", url="", headers={"x-hub-signature-256": signature}, body=payload)
            channel.connector.verify(request, now, {})  # type: ignore[attr-defined]  # it receives webhooks
            raws.append(Raw(connection=channel.name, kind=channel.kind, body=payload, received_at=now))
        with world.store.writing() as connection:
            journal.append(connection, raws)
    while take_in(world, channel).raws:
        pass
    push = Push(world, crm)
    while push.run(creating=True):
        pass
    return time.process_time() - started


_SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, body BLOB, at INTEGER, done INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, address TEXT UNIQUE, name TEXT);
CREATE TABLE IF NOT EXISTS log (key TEXT PRIMARY KEY, customer INTEGER, at INTEGER, text TEXT,
    acknowledged INTEGER DEFAULT 0);
"""


def bare_cpu_s(database: sqlite3.Connection, session: requests.Session, url: str, bodies: list[bytes]) -> float:
    """CPU seconds of the bare loop for these webhooks."""
    signed = [(payload, _traffic.signature(payload)) for payload in bodies]
    secret = _traffic.SECRET.encode()
    started = time.process_time()
    for start in range(0, len(signed), GROUP):
        chunk = signed[start : start + GROUP]
        for payload, signature in chunk:
            digest = "sha256=" + hmac.new(secret, payload, hashlib.sha256).hexdigest()
            if not hmac.compare_digest(digest, signature):
                raise ValueError
        with database:
            database.executemany(
                "INSERT INTO journal (body, at) VALUES (?, ?)", [(p, time.time_ns()) for p, _ in chunk]
            )
    while rows := database.execute(
        "SELECT id, body FROM journal WHERE done = 0 ORDER BY id LIMIT ?", (GROUP,)
    ).fetchall():
        _bare_batch(database, session, url, rows)
    return time.process_time() - started


def _bare_batch(
    database: sqlite3.Connection, session: requests.Session, url: str, rows: list[tuple[int, bytes]]
) -> None:
    touches = []
    for _, payload in rows:
        for entry in json.loads(payload)["entry"]:
            for change in entry["changes"]:
                names = {who["wa_id"]: who["profile"]["name"] for who in change["value"]["contacts"]}
                for message in change["value"]["messages"]:
                    sender = message["from"]
                    touches.append(
                        (message["id"], sender, names[sender], int(message["timestamp"]), message["text"]["body"])
                    )
    with database:
        database.executemany(
            "INSERT INTO customers (address, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(t[1], t[2]) for t in touches],
        )
        marks = ",".join("?" * len(touches))
        found = database.execute(
            f"SELECT address, id FROM customers WHERE address IN ({marks})",  # noqa: S608 - only question marks
            [t[1] for t in touches],
        )
        ids = dict(found.fetchall())
        database.executemany(
            "INSERT INTO log (key, customer, at, text) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(t[0], ids[t[1]], t[3], t[4]) for t in touches],
        )
        database.executemany("UPDATE journal SET done = 1 WHERE id = ?", [(row[0],) for row in rows])
    records = [{"Key": t[0], "Contact": ids[t[1]], "at": t[3], "text": t[4], "author": t[2]} for t in touches]
    answer = session.post(f"{url}/collections", data=msgspec.json.encode({"records": records}), timeout=10)
    answer.raise_for_status()
    answer.json()
    with database:
        database.executemany("UPDATE log SET acknowledged = 1 WHERE key = ?", [(t[0],) for t in touches])


def run(count: int = COUNT, customers: int = CUSTOMERS, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """The middle of the rounds after a warm-up, the two in turn; customers are known from the warm-up."""
    calm_collector()  # as the daemon does at its start; it serves the bare loop in this process as well
    with tempfile.TemporaryDirectory() as name, stub() as url, requests.Session() as session:
        folder = Path(name)
        world = _traffic.world(folder, url)
        database = sqlite_module().connect(str(folder / "bare.db"))
        database.executescript(_SCHEMA)
        ours, floors = [], []
        for turn in range(rounds + 1):
            bodies = [_traffic.body(turn * count + number, number % customers) for number in range(count)]
            ours.append(crocevia_cpu_s(world, bodies))
            floors.append(bare_cpu_s(database, session, url, bodies))
        database.close()
        world.store.close()
    value, floor = sorted(ours[1:])[rounds // 2], sorted(floors[1:])[rounds // 2]
    return {"cpu_per_interaction": _traffic.figure(value / count * 1e6, "us", floor / count * 1e6)}
