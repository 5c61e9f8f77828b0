"""A real Asterisk with telephones, a provider and customers, all on loopback and all played by sipp.

Asterisk and sipp are Debian's own packages, in a Debian of their own that `.ci/peers-asterisk` makes once. Their mounts
and processes are in namespaces: seen by nobody else, and ended by the kernel when the process that started them ends.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import define, field

from crocevia import Secret
from crocevia.errors import RemoteError
from crocevia_asterisk import Asterisk, Settings
from crocevia_asterisk.ami import Ami
from crocevia_asterisk.packets import text_of
from tests.peers.asterisk_scenarios import CONFIGURATION, SCENARIOS

ROOT = Path("/var/cache/crocevia/asterisk")
"""Where the Debian with Asterisk is; `CROCEVIA_ASTERISK_ROOT` names another place."""

START_TIMEOUT_S = 30.0
CUSTOMER = "+393331112233"
_ENTER = """
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && mount --bind "$2" "$1/srv" || exit 1
root=$1; shift 2; exec chroot "$root" "$@"
"""
_STAYS = ("sh", "-c", 'cd /srv && "$@" <&- & cat >/dev/null; kill -9 $!', "stays")
# The first process of its namespace: it ends when our end of its standard input closes, and takes the others with it.
_ENDS = ("sh", "-c", 'timeout 90 "$@"; exit $?', "ends")


def problem() -> str:
    """Why no exchange can be started here; `""` when one can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "Asterisk runs in namespaces of its own, which takes root on Linux"
    if not (_root() / "usr/sbin/asterisk").exists():
        return f"no Asterisk in {_root()}: run .ci/peers-asterisk as root on Debian"
    return ""


def _root() -> Path:
    return Path(os.environ.get("CROCEVIA_ASTERISK_ROOT") or ROOT)


def free_port(kind: socket.SocketKind) -> int:
    """A port that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@define(eq=False)
class Office:
    """An exchange in a folder.

    Attributes:
        directory: Its configuration, spool and logs; `/srv` where it runs.
        ports: `sip`, `ami`, `ari`, and one for each telephone.
    """

    directory: Path
    ports: dict[str, int] = field(factory=dict)
    _running: list[subprocess.Popen[bytes]] = field(factory=list)
    _exchange: subprocess.Popen[bytes] | None = None
    _calls: int = 0

    # --- the exchange

    def prepare(self) -> None:
        """Write the configuration, and find ports."""
        for name in ("sip", "201", "202", "busy", "silent", "customer"):
            self.ports[name] = free_port(socket.SOCK_DGRAM)
        for name in ("ami", "ari"):
            self.ports[name] = free_port(socket.SOCK_STREAM)
        for folder in ("etc", "spool", "log/cdr-csv", "run", "db", "keys"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        for name, text in CONFIGURATION.items():
            filled = re.sub(r"@(\w+)@", lambda found: str(self.ports[found[1]]), text)
            (self.directory / "etc" / name).write_text(filled)
        for name, text in SCENARIOS.items():
            (self.directory / f"{name}.xml").write_text(text)

    def start(self) -> None:
        """Start the exchange and wait until it takes logins."""
        self._exchange = self._run("asterisk", *_STAYS, "asterisk", "-f", "-C", "/srv/etc/asterisk.conf")
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self._exchange.poll() is None:
            with suppress(RemoteError), self.manager() as manager:
                answer = manager.ask("Command", Command="core waitfullybooted")
                if "fully booted" in str(answer.get("Output", "")):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"Asterisk did not start: read {self.directory / 'asterisk.log'}")

    def kill(self) -> None:
        """The exchange dies in the middle of everything."""
        assert self._exchange is not None
        self._exchange.kill()  # the first of its namespace: the kernel ends all the others
        self._exchange.communicate()
        self._running.remove(self._exchange)

    def stop(self) -> None:
        """Everything that was started."""
        for process in reversed(self._running):
            process.kill()
            process.communicate()

    def _run(self, log: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{log}.log").open("ab") as kept:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"),
                    *("sh", "-c", _ENTER, "enter", str(_root()), str(self.directory.resolve()), *command),
                ],
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"},
                stdin=subprocess.PIPE,
                stdout=kept,
                stderr=kept,
            )
        self._running.append(process)
        return process

    # --- who speaks with it

    def settings(self, **changed: Any) -> Settings:
        """Crocevia's, with a user who may do what is needed and no more."""
        given: dict[str, Any] = {
            "user": "crocevia",
            "secret": Secret("s3cret"),
            "host": "127.0.0.1",
            "port": self.ports["ami"],
            "base_url": f"http://127.0.0.1:{self.ports['ari']}/ari",
            "ari_user": "crocevia",
            "ari_secret": Secret("ari s3cret"),
            "trunks": ("PJSIP/trunk-*",),
            "outside_prefix": "0",
            "agent": "PJSIP/201",
            "agents": {"Nobody there": "PJSIP/silent"},
            "ring_seconds": 5,
            "cdr_csv": str(self.directory / "log" / "cdr-csv" / "Master.csv"),
            "recordings": str(self.directory / "spool"),
        }
        return Settings(**{**given, **changed})

    def connector(self, **changed: Any) -> Asterisk:
        """The connector."""
        return Asterisk(self.settings(**changed), connection="pbx")

    def manager(self) -> Ami:
        """Somebody who may do everything on the exchange."""
        return Ami(self.settings(user="admin", secret=Secret("admin s3cret")), "admin", events="off")

    def channels(self, endpoint: str, *, talking: bool = False) -> list[str]:
        """Names of an endpoint's channels that are there; `""`: of everybody's."""
        with self.manager() as manager:
            listed = manager.listed("CoreShowChannels", "CoreShowChannel")
        found = [text_of(one, "Channel") for one in listed if not talking or text_of(one, "BridgeId")]
        return [name for name in found if name.startswith(f"PJSIP/{endpoint}-" if endpoint else "")]

    def talking(self, endpoint: str) -> bool:
        """Whether an endpoint is put through to somebody."""
        return bool(self.channels(endpoint, talking=True))

    def wait_until(self, ready: Any, seconds: float = 15.0) -> None:
        """Until a function says so. Fails when it never does."""
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, "it never comes so far"
            time.sleep(0.05)

    # --- telephones

    def telephone(self, name: str, scenario: str) -> None:
        """Somebody who is there to be called, from now on."""
        self._sipp(f"phone {name}", _STAYS, scenario, self.ports[name])

    def call(
        self, exten: str, *, who: str = "trunk", number: str = CUSTOMER, ms: int = 1500, how: str = "caller"
    ) -> subprocess.Popen[bytes]:
        """Somebody calls: a customer through the trunk, or a telephone of ours. What it returns ends with it."""
        self._calls += 1
        asked = ("-m", "1", "-d", str(ms), "-s", exten, "-key", "who", who, "-key", "number", number)
        target = f"127.0.0.1:{self.ports['sip']}"
        return self._sipp(f"call {self._calls}", _ENDS, how, free_port(socket.SOCK_DGRAM), *asked, target)

    def _sipp(self, log: str, within: tuple[str, ...], scenario: str, port: int, *more: str) -> subprocess.Popen[bytes]:
        played = ("sipp", "-sf", f"/srv/{scenario}.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port))
        return self._run(log.replace(" ", "-"), *within, *played, "-nostdin", "-cid_str", f"{port}-%u-%p@%s", *more)


@contextmanager
def running_office(directory: Path) -> Iterator[Office]:
    """An exchange and its telephones, until the block ends.

    Raises:
        RuntimeError: it does not start; the message names the log.
    """
    office = Office(directory)
    office.prepare()
    try:
        office.start()
        for name, scenario in (("201", "answers"), ("202", "answers"), ("busy", "busy"), ("silent", "silent")):
            office.telephone(name, scenario)
        office.telephone("customer", "answers")
        yield office
    finally:
        office.stop()
