"""`python -m crocevia_meta.simulator`: the vendor as a process of its own. It prints its URL when it is ready."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from crocevia import Secret
from crocevia_meta.simulator.server import serve
from crocevia_meta.simulator.settings import VendorSettings

_UNDELIVERABLE = 131026


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns 2 when an environment variable is missing."""
    given = _parser().parse_args(arguments)
    missing = [name for name in (given.app_secret_env, given.access_token_env) if not os.environ.get(name)]
    if missing:
        sys.stderr.write(f"set the environment variable {' and '.join(missing)}\n")
        return 2
    settings = VendorSettings(
        app_secret=Secret(os.environ[given.app_secret_env]),
        access_token=Secret(os.environ[given.access_token_env]),
        phone_number_id=given.phone_number_id,
        display_phone_number=given.display_phone_number,
        ledger=given.ledger,
        webhook=given.webhook,
        store=given.store,
        seed=given.seed,
        redelivery_rate=given.redelivery_rate,
        disorder_rate=given.disorder_rate,
        lost_answer_rate=given.lost_answer_rate,
        status_delay_s=given.status_delay_s,
        failing=dict.fromkeys(given.failing_number, _UNDELIVERABLE),
    )
    serve(settings, given.port, _announce, longest_s=given.longest_s, exit_with_parent=given.exit_with_parent)
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crocevia_meta.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: any free one")
    parser.add_argument("--ledger", type=Path, help="folder of vendor_sent.jsonl and vendor_received.jsonl")
    parser.add_argument("--webhook", help="where deliveries go; without it they wait for PUT /admin/webhook")
    parser.add_argument("--store", type=Path, help="SQLite file, so that a restart goes on; default: in memory")
    parser.add_argument("--app-secret-env", default="WHATSAPP_APP_SECRET", help="variable that holds the app secret")
    parser.add_argument("--access-token-env", default="WHATSAPP_ACCESS_TOKEN", help="variable that holds the token")
    parser.add_argument("--phone-number-id", default="106540352242922")
    parser.add_argument("--display-phone-number", default="390110000000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--redelivery-rate", type=float, default=0.1)
    parser.add_argument("--disorder-rate", type=float, default=0.2)
    parser.add_argument("--lost-answer-rate", type=float, default=0.0)
    parser.add_argument("--status-delay-s", type=float, default=0.15)
    parser.add_argument("--failing-number", action="append", default=[], help="customer whom nothing reaches; repeat")
    parser.add_argument("--longest-s", type=float, default=3600.0, help="it stops by itself then")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when the starting process has ended")
    return parser


if __name__ == "__main__":
    sys.exit(main())
