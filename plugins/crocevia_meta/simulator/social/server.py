"""Serving the page and the account on loopback, and delivering what happens there until it is answered 200."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from attrs import frozen

from crocevia_meta.simulator.graph_calls import Call, Reply, reply
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.social import admin, graph
from crocevia_meta.simulator.social.people import People
from crocevia_meta.simulator.social.settings import SocialSettings
from crocevia_meta.simulator.social.world import World
from crocevia_meta.webhooks import SIGNATURE_HEADER, SIGNATURE_PREFIX

_TIMEOUT_S = 5.0
_NAP_S = 0.2


@frozen
class RunningSocial:
    """A page and an account that serve at `url`; `people` plays those who write."""

    url: str
    world: World
    people: People


def respond(world: World, call: Call) -> Reply:
    """Answer one call, a refused one too."""
    try:
        if call.path.startswith("/admin/"):
            return admin.answer(world, call)
        made = graph.answer(world, call)
    except Refusal as refusal:
        return reply(refusal.body(), refusal.status)
    if call.method == "POST" and world.loses():
        return Reply(502, b"<html><body>Bad Gateway</body></html>", "text/html")
    return made


@contextmanager
def running_social(settings: SocialSettings, port: int = 0) -> Iterator[RunningSocial]:
    """Serve in threads of this process for as long as the block lasts.

    Args:
        port: On 127.0.0.1; 0: any free one.
    """
    world = World(settings)
    stop = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", port), _handler(world)) as server:
        server.daemon_threads = True
        url = f"http://127.0.0.1:{server.server_port}"
        people = People(url)
        threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True),
            threading.Thread(target=_deliver, args=(world, stop), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield RunningSocial(url, world, people)
        finally:
            stop.set()
            world.wake.set()
            people.close()
            server.shutdown()
            for thread in threads:
                thread.join()


def serve(
    settings: SocialSettings,
    port: int,
    ready: Callable[[str], None],
    *,
    longest_s: float = 3600.0,
    exit_with_parent: bool = False,
) -> None:
    """Serve until SIGINT, `longest_s`, or the end of the process that started it; `ready` is called with the URL."""
    deadline, parent = time.monotonic() + longest_s, os.getppid()
    with running_social(settings, port) as running:
        ready(running.url)
        while time.monotonic() < deadline and not (exit_with_parent and os.getppid() != parent):
            time.sleep(_NAP_S)


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def do_PUT(self) -> None:
            self._respond()

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made = respond(world, Call(self.command, self.path, headers, body))
            self.send_response(made.status)
            self.send_header("content-type", made.type)
            self.send_header("content-length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _deliver(world: World, stop: threading.Event) -> None:
    """Sign and send what is due, in order, each until it is taken; now and then once more."""
    with requests.Session() as session:
        session.trust_env = False  # loopback needs no proxy
        while not stop.is_set():
            world.wake.clear()
            for body in world.due() if world.webhook else ():
                while not stop.is_set() and not _taken(world, session, body):
                    stop.wait(world.settings.backoff_s)
                if world.chance.random() < world.settings.redelivery_rate:
                    _taken(world, session, body)
                world.done()
            world.wake.wait(_NAP_S)


def _taken(world: World, session: requests.Session, body: bytes) -> bool:
    secret = world.settings.app_secret.reveal().encode()
    signature = SIGNATURE_PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
    try:
        answer = session.post(
            world.webhook or "", data=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False
        )
    except requests.RequestException:
        return False  # comes again: whoever listens may be down for now
    return answer.status_code == 200
