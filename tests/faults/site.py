"""The programs of one run around the daemon, with a road between each two of them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from attrs import define

from crocevia_meta.simulator import Customers
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import running_tryton
from tests.faults.keeper import Keeper
from tests.faults.nursery import Nursery
from tests.faults.programs import end, first_line, free_port, start
from tests.faults.proxy import Road, roads
from tests.faults.schedule import LEASE_S, Schedule
from tests.faults.stores import Cluster, Disk, cluster, small_disk

POLL_S = 0.5
_TIMEOUT_S = 10.0
_SETTINGS = """\
[crocevia]
store = "{store}"
listen = "127.0.0.1:{port}"
region = "IT"
lease_seconds = {lease_s}

[connections.whatsapp]
kind = "whatsapp"
phone_number_id = "106540352242922"
base_url = "{graph}"
app_secret = {{ env = "FAULTS_APP_SECRET" }}
access_token = {{ env = "FAULTS_ACCESS_TOKEN" }}
verify_token = {{ env = "FAULTS_VERIFY_TOKEN" }}

[connections.salesforce]
kind = "salesforce"
instance_url = "{salesforce}"
client_id = "crocevia"
client_secret = {{ env = "FAULTS_CLIENT_SECRET" }}
region = "IT"
poll_seconds = {poll_s}
overlap_s = 10
"""
_TRYTON = """
[connections.tryton]
kind = "tryton"
base_url = "{url}"
database = "{database}"
user = "{user}"
password = {{ env = "FAULTS_TRYTON_PASSWORD" }}
poll_seconds = {poll_s}
"""


class Org:
    """The simulated Salesforce as its users and its administrator see it, past the roads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, **given: Any) -> Any:
        """Raises requests.HTTPError when it is refused."""
        answer = self._session.request(method, self.url + path, timeout=_TIMEOUT_S, allow_redirects=False, **given)
        answer.raise_for_status()
        return answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else answer

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Records, without a trace in the ledger."""
        found: list[dict[str, Any]] = self.call("GET", "/_simulator/query", params={"q": soql})["records"]
        return found

    def create(self, name: str, values: dict[str, Any]) -> str:
        """A record made by a person; its id."""
        return str(self.call("POST", f"/_simulator/records/{name}", json=values)["ids"][0])

    def mutations(self) -> list[dict[str, Any]]:
        """Every committed change."""
        found: list[dict[str, Any]] = []
        while page := self.call(
            "GET", "/_simulator/ledger/mutations", params={"after": str(found[-1]["seq"] if found else 0)}
        ):
            found += page
        return found


@define
class Site:
    """One run's programs.

    Attributes:
        clerk: A person who works in Tryton; None where there is none.
        disk: Where the SQLite store is; None on PostgreSQL, as `database` on SQLite.
    """

    folder: Path
    schedule: Schedule
    roads: dict[str, Road]
    customers: Customers
    org: Org
    keepers: list[Keeper]
    environment: dict[str, str]
    clerk: Rpc | None
    disk: Disk | None
    database: Cluster | None

    def crocevia(self, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command beside the daemon."""
        answer, complaints = self.folder / "answer.txt", self.folder / "complaints.txt"
        answer.unlink(missing_ok=True)
        complaints.unlink(missing_ok=True)
        environment = {**self.environment, "CROCEVIA_SETTINGS": str(self.keepers[0].settings), "NO_COLOR": "1"}
        child = self.keepers[0].nursery.fork(self.folder, environment, complaints, arguments=arguments, answer=answer)
        code = child.wait(timeout_s)
        return subprocess.CompletedProcess(arguments, code, answer.read_text(), complaints.read_text())

    def repost(self, body: bytes) -> None:
        """Deliver a webhook once more, by the same road as the vendor; whether it arrives is nobody's concern."""
        secret = self.environment["FAULTS_APP_SECRET"].encode()
        signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        with contextlib.suppress(requests.RequestException):
            requests.post(f"{self.roads['webhook'].url}/hooks/whatsapp", data=body, headers=headers, timeout=5)

    def vendor_rows(self, statement: str) -> list[dict[str, Any]]:
        """What the vendor has in its own memory."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/vendor.db?mode=ro", uri=True)) as opened:
            opened.row_factory = sqlite3.Row
            return [dict(row) for row in opened.execute(statement)]


@contextmanager
def site(folder: Path, schedule: Schedule) -> Iterator[Site]:
    """Start the neighbours and open the roads; the daemons are not started yet."""
    with ExitStack() as stack:
        nursery = stack.enter_context(Nursery())
        environment = {
            f"FAULTS_{name}": secrets.token_hex(16)
            for name in ("APP_SECRET", "ACCESS_TOKEN", "VERIFY_TOKEN", "CLIENT_SECRET")
        }
        ports = [free_port() for _ in schedule.lives]
        ways = {"webhook": Road("webhook", [("127.0.0.1", port) for port in ports])}
        stack.enter_context(roads(list(ways.values())))
        vendor, org = _neighbours(stack, folder, schedule, environment, ways["webhook"].url)
        upstreams = {"graph": vendor, "salesforce": org}
        tryton = stack.enter_context(running_tryton(folder / "tryton")) if schedule.tryton else None
        if tryton is not None:
            upstreams["tryton"] = tryton.url
        more = {name: Road(name, [("127.0.0.1", int(url.rpartition(":")[2]))]) for name, url in upstreams.items()}
        disk = database = None
        if schedule.store == "postgresql":
            database = stack.enter_context(cluster())
            more["postgres"] = Road("postgres", [database.address])
        else:
            disk = stack.enter_context(small_disk(folder / "store"))
        stack.enter_context(roads(list(more.values())))
        ways |= more
        store = (
            f"sqlite:///{folder}/store/crocevia.db"
            if disk
            else f"postgresql://postgres@127.0.0.1:{ways['postgres'].port}/crocevia"
        )
        text = _SETTINGS.format(
            store=store,
            port="{port}",
            lease_s=LEASE_S if database else 30,
            graph=ways["graph"].url,
            salesforce=ways["salesforce"].url,
            poll_s=POLL_S,
        )
        clerk = None
        if tryton is not None:
            clerk = tryton.person()
            environment["FAULTS_TRYTON_PASSWORD"] = tryton.password
            text += _TRYTON.format(url=ways["tryton"].url, database=tryton.database, user=tryton.user, poll_s=POLL_S)
        keepers = []
        for number, (port, lives) in enumerate(zip(ports, schedule.lives, strict=True)):
            settings = folder / f"crocevia-{number}.toml"
            settings.write_text(text.replace("{port}", str(port)))
            keepers.append(Keeper(folder, settings, port, lives, nursery, environment))
        customers = Customers(vendor)
        stack.callback(customers.close)
        yield Site(folder, schedule, ways, customers, Org(org), keepers, environment, clerk, disk, database)


def _neighbours(
    stack: ExitStack, folder: Path, schedule: Schedule, environment: dict[str, str], webhook: str
) -> tuple[str, str]:
    """Start vendor and CRM, both at once; their URLs."""
    vendor = [
        "crocevia_meta.simulator", "--store", "vendor.db", "--webhook", f"{webhook}/hooks/whatsapp",
        "--app-secret-env", "FAULTS_APP_SECRET", "--access-token-env", "FAULTS_ACCESS_TOKEN",
        "--redelivery-rate", "0.3", "--disorder-rate", "0.3",
    ]  # fmt: skip
    org = [
        "crocevia_salesforce.simulator", "--store", "org.db", "--client-secret", environment["FAULTS_CLIENT_SECRET"],
    ]  # fmt: skip
    started = []
    for name, program in (("vendor", vendor), ("org", org)):
        log = stack.enter_context((folder / f"{name}.log").open("ab", buffering=0))
        common = ["--port", "0", "--ledger", str(folder / "ledger"), "--seed", str(schedule.seed)]
        command = [sys.executable, "-P", "-m", *program, *common]
        process = start(command, folder, environment, stdout=subprocess.PIPE, stderr=log)
        stack.callback(end, process)
        started.append(process)
    urls = [first_line(process) for process in started]
    return urls[0], urls[1]
