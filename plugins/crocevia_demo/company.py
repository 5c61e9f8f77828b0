"""The company's programs: vendor, CRM and daemon, each a process; the daemon is started again when it dies."""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from attrs import define, field

from crocevia_demo import roads
from crocevia_demo.doors import Daemon, Org, Vendor
from crocevia_demo.town.town import account, derived

PHONE_NUMBER_ID = "106540352242922"
POLL_S = 1.0
_START_S = 30.0
_STOP_S = 10.0
_TEND_S = 0.02
_MOST_STARTS = 500
_HOPELESS = 5
_LEASH = Path(__file__).with_name("leash.py")
_SETTINGS = """\
# Written by `crocevia demo`. Secrets come from the environment of that run.
[crocevia]
store = "sqlite:///crocevia.db"
listen = "127.0.0.1:{port}"
region = "IT"

[connections.whatsapp]
kind = "whatsapp"
phone_number_id = "{phone_number_id}"
base_url = "{vendor}"
app_secret = {{ env = "CROCEVIA_DEMO_APP_SECRET" }}
access_token = {{ env = "CROCEVIA_DEMO_ACCESS_TOKEN" }}
verify_token = {{ env = "CROCEVIA_DEMO_VERIFY_TOKEN" }}

[connections.salesforce]
kind = "salesforce"
instance_url = "{org}"
client_id = "crocevia"
client_secret = {{ env = "CROCEVIA_DEMO_CLIENT_SECRET" }}
region = "IT"
poll_seconds = {poll_s}
"""


class DemoError(Exception):
    """The demo itself cannot go on; the message says why."""


@define
class Company:
    """Starts and ends the programs. Use as a context manager; `folder` and `ledger` exist and are empty.

    Attributes:
        port: The daemon's, the same for the whole day, so that webhooks keep their address; 0: a free one.
        failing: Numbers whom no message reaches.
        starts: How often the daemon was started.
        hopeless: Why the daemon is not started any more; "" while all is well.
    """

    folder: Path
    ledger: Path
    seed: int
    port: int = 0
    failing: Sequence[str] = ()
    starts: int = 0
    hopeless: str = ""
    vendor: Vendor = field(init=False)
    org: Org = field(init=False)
    town: roads.Town = field(init=False)
    social: roads.Social = field(init=False)
    daemon: Daemon = field(init=False)
    _process: subprocess.Popen[bytes] | None = None
    _neighbours: list[subprocess.Popen[bytes]] = field(factory=list)
    _logs: list[IO[bytes]] = field(factory=list)
    _closing: threading.Event = field(factory=threading.Event)
    _lock: threading.Lock = field(factory=threading.Lock)
    _keeper: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.port = self.port or _free_port()
        self.daemon = Daemon(f"http://127.0.0.1:{self.port}")
        started = threading.Event()
        # One thread starts all programs and lives as long as they: on Linux a child is told when the *thread* ends.
        self._keeper = threading.Thread(target=self._keep, args=(started,), name="keeper", daemon=True)
        self._keeper.start()
        started.wait()
        if self.hopeless:
            self.__exit__()
            raise DemoError(self.hopeless)
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._keeper is not None:
            self._keeper.join()
        for file in self._logs:
            file.close()

    def _until_ready(self) -> None:
        """Wait for the daemon's first start, so that the day does not begin before closed doors."""
        deadline = time.monotonic() + _START_S
        while not self.daemon.is_ready():
            if self.hopeless or time.monotonic() > deadline:
                self.__exit__()
                raise DemoError(
                    self.hopeless or f"the daemon was not ready within {_START_S:.0f} s; daemon.log says why"
                )
            time.sleep(_TEND_S)

    @property
    def settings(self) -> Path:
        """The daemon's file of settings."""
        return self.folder / "crocevia.toml"

    def secret(self, road: str) -> str:
        """What the company and one of its roads know."""
        return derived(self._secrets["CROCEVIA_DEMO_TOWN"], road)

    @property
    def environment(self) -> dict[str, str]:
        """What the programs run with; secrets are made for this run."""
        known = {f"CROCEVIA_DEMO_{road.upper()}": self.secret(road) for road in roads.SECRET}
        return {**os.environ, **self._secrets, **known, "CROCEVIA_SETTINGS": str(self.settings), "NO_COLOR": "1"}

    _secrets: dict[str, str] = field(
        factory=lambda: {
            "CROCEVIA_DEMO_APP_SECRET": secrets.token_hex(16),
            "CROCEVIA_DEMO_ACCESS_TOKEN": secrets.token_hex(16),
            "CROCEVIA_DEMO_VERIFY_TOKEN": secrets.token_hex(16),
            "CROCEVIA_DEMO_CLIENT_SECRET": secrets.token_hex(16),
            "CROCEVIA_DEMO_TOWN": secrets.token_hex(16),
        }
    )

    def kill(self) -> None:
        """Kill -9 the daemon; it is started again at once."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `crocevia` beside the daemon."""
        return subprocess.run(  # noqa: S603 - our own program
            [*crocevia(), *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # --- the keeper's thread ----------------------------------------------------------------------------------------

    def _keep(self, started: threading.Event) -> None:
        try:
            self._open()
            started.set()
            self._tend()
        except (DemoError, OSError) as error:
            self.hopeless = str(error)
        finally:
            started.set()
            self._end()

    def _open(self) -> None:
        hook, ledger = f"http://127.0.0.1:{self.port}/hooks/whatsapp", ("--ledger", str(self.ledger))
        failing = [part for number in self.failing for part in ("--failing-number", number)]
        self.vendor = Vendor(
            self._neighbour(
                "crocevia_meta.simulator", "--webhook", hook, "--phone-number-id", PHONE_NUMBER_ID,
                "--app-secret-env", "CROCEVIA_DEMO_APP_SECRET", "--access-token-env", "CROCEVIA_DEMO_ACCESS_TOKEN",
                "--seed", str(self.seed), "--redelivery-rate", "0.25", "--lost-answer-rate", "0.1", *failing, *ledger,
            )
        )  # fmt: skip
        secret = self._secrets["CROCEVIA_DEMO_CLIENT_SECRET"]
        self.org = Org(
            self._neighbour(
                "crocevia_salesforce.simulator", "--seed", str(self.seed), "--client-secret", secret, *ledger
            )
        )
        hooks = f"{self.daemon.url}/hooks"
        self.town = roads.Town(self._neighbour("crocevia_demo.town", "--hooks", hooks, *ledger))
        self.social = roads.Social(
            self._neighbour(
                "crocevia_meta.simulator.social", "--webhook", f"{hooks}/messenger", "--redelivery-rate", "0.25",
                "--app-secret-env", "CROCEVIA_DEMO_APP_SECRET", "--access-token-env", "CROCEVIA_DEMO_ACCESS_TOKEN",
                "--page-id", roads.PAGE, "--instagram-id", roads.ACCOUNT, "--seed", str(self.seed),
            )
        )  # fmt: skip
        self.settings.write_text(
            (_SETTINGS + roads.SETTINGS).format(
                port=self.port,
                phone_number_id=PHONE_NUMBER_ID,
                vendor=self.vendor.url,
                org=self.org.url,
                poll_s=POLL_S,
                daemon=self.daemon.url,
                town=self.town.url,
                social=self.social.url,
                page=roads.PAGE,
                instagram=roads.ACCOUNT,
                account=account(self._secrets["CROCEVIA_DEMO_TOWN"]),
                **self.town.state()["ports"],
            )
        )

    def _neighbour(self, module: str, *arguments: str) -> str:
        """Start a simulator; return the URL that it prints."""
        log = self._log(f"{module.removeprefix('crocevia_').replace('.', '-')}.log")
        program = [sys.executable, "-P", "-m", module, "--port", "0", *arguments]
        process = self._start(program, stdout=subprocess.PIPE, stderr=log)
        self._neighbours.append(process)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline().decode().strip() if selector.select(_START_S) else ""
        if not line.startswith("http://127.0.0.1:"):
            raise DemoError(f"{module} did not start; {log.name} says more")
        return line

    def _tend(self) -> None:
        """Keep the daemon running until the company closes."""
        log = self._log("daemon.log")
        short = 0
        while not self._closing.is_set():
            with self._lock:
                ended = self._process is None or self._process.poll() is not None
                if ended:
                    if self._process is not None and self._process.returncode > 0:  # ended by itself, and not well
                        short += 1
                    if short >= _HOPELESS or self.starts >= _MOST_STARTS:
                        raise DemoError(f"the daemon does not stay up; {log.name} says why")
                    self._process = self._start([*crocevia(), "run"], stdout=log, stderr=log)
                    self.starts += 1
            self._closing.wait(_TEND_S)

    def _start(self, program: Sequence[str], *, stdout: int | IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *program],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for the demo, which ends the others in their order
        )

    def _log(self, name: str) -> IO[bytes]:
        file = (self.folder / name).open("ab", buffering=0)
        self._logs.append(file)
        return file

    def _end(self) -> None:
        """End all, the daemon first, by SIGTERM and after a while by SIGKILL."""
        with self._lock:
            running = [self._process] if self._process is not None else []
        for group in (running, self._neighbours):
            for process in group:
                if process.poll() is None:
                    process.terminate()
            deadline = time.monotonic() + _STOP_S
            for process in group:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.stdout is not None:
                    process.stdout.close()


def crocevia() -> list[str]:
    """The `crocevia` of this installation."""
    script = Path(sys.executable).with_name("crocevia")
    return (
        [sys.executable, str(script)]
        if script.exists()
        else [sys.executable, "-c", "from crocevia.cli import main; main()"]
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
