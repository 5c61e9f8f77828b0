"""`python -m crocevia_demo.town`: the town as a process of its own. It prints its URL when it is ready."""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from crocevia_demo.town.town import Town


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m crocevia_demo.town", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: any free one")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--hooks", required=True, help="the daemon's /hooks, without a slash at its end")
    parser.add_argument("--secret-env", default="CROCEVIA_DEMO_TOWN", help="variable that holds the secret")
    given = parser.parse_args(arguments)
    town = Town.open(given.ledger, given.hooks, os.environ[given.secret_env])
    server = ThreadingHTTPServer(("127.0.0.1", given.port), partial(_Answers, town))
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
    return 0


class _Answers(BaseHTTPRequestHandler):
    """The telephone company's API, and `/admin/...` for who plays the customers."""

    protocol_version = "HTTP/1.1"

    def __init__(self, town: Town, *given: Any) -> None:
        self._town = town
        super().__init__(*given)

    def do_GET(self) -> None:
        """What the town is doing."""
        if self.path == "/admin/state":
            self._answer(200, self._town.state())
        else:
            self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        """A message of the company's, or what a customer does."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/admin/"):
            made = self._town.deed(self.path.removeprefix("/admin/"), json.loads(body or b"{}"))
            self._answer(*((200, {"id": made}) if made else (404, {"error": "nobody does that"})))
        else:
            self._answer(*self._town.telephone.take(self.path, dict(self.headers), body))

    def _answer(self, status: int, said: Any) -> None:
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing: the ledgers tell."""


if __name__ == "__main__":
    sys.exit(main())
