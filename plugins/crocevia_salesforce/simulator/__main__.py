"""``python -m crocevia_salesforce.simulator``: one simulated org as a server of its own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crocevia_salesforce.simulator.faults import KINDS
from crocevia_salesforce.simulator.options import Options
from crocevia_salesforce.simulator.running import serve


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    kinds = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
    found = argparse.ArgumentParser(prog="crocevia simulate salesforce", description=__doc__, epilog=f"Faults: {kinds}")
    add = found.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--store", type=Path, help="SQLite file that keeps the org; without one it is gone with the process")
    add("--ledger", type=Path, help="folder for crm_calls.jsonl and crm_mutations.jsonl")
    add("--connection", default="salesforce", help="name that ledger lines carry")
    add("--describe", type=Path, action="append", default=[], help="JSON file with a describe, or a list of them")
    add("--package", type=Path, action="append", help="folder in source format to deploy instead of Crocevia's own")
    add("--bare", action="store_true", help="without the shipped standard objects")
    add("--rules", type=Path, help="JSON file with validation rules, flows, duplicate rules, field-level security")
    add("--faults", type=Path, help="JSON file with a list of fault rules")
    add("--seed", type=int, default=0, help="of everything random")
    add("--daily-limit", type=int, default=100_000, help="API calls in 24 hours")
    add("--username", default=Options().username)
    add("--password", default=Options().password)
    add("--client-id", default=Options().client_id)
    add("--client-secret", default=Options().client_secret)
    add("--public-key", type=Path, help="PEM certificate or key that JWT assertions are verified with")
    add("--tls-certificate", type=Path)
    add("--tls-key", type=Path)
    add("--public-url", help="what clients call it, where a proxy stands between")
    return found


def _json(path: Path | None, otherwise: Any) -> Any:
    return json.loads(path.read_text("utf-8")) if path else otherwise


def options(given: argparse.Namespace) -> Options:
    """Return the org's settings from the command line."""
    describes = [found for path in given.describe for found in _as_list(_json(path, []))]
    return Options(
        connection=given.connection,
        store=given.store,
        ledger=given.ledger,
        describes=tuple(describes),
        shipped_schema=not given.bare,
        packages=tuple(given.package) if given.package else None,
        username=given.username,
        password=given.password,
        client_id=given.client_id,
        client_secret=given.client_secret,
        public_key=given.public_key.read_text("ascii") if given.public_key else None,
        rules=_json(given.rules, {}),
        faults=tuple(_json(given.faults, [])),
        seed=given.seed,
        daily_limit=given.daily_limit,
    )


def _as_list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    given = parser().parse_args(arguments)
    tls = (given.tls_certificate, given.tls_key) if given.tls_certificate and given.tls_key else None
    serve(options(given), port=given.port, host=given.host, tls=tls, public_url=given.public_url)


if __name__ == "__main__":
    main()
