import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import requests

from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer, running_tryton


def test_a_person_creates_reads_and_searches_parties(person: Rpc, new: Callable[[str], str]) -> None:
    """The server answers JSON-RPC with the module's fields there."""
    key = new("party")
    [party] = person.call("model.party.party.create", [{"name": "Ada", "crocevia_key": key}])

    found = person.call("model.party.party.search", [["crocevia_key", "=", key]])
    [row] = person.call("model.party.party.read", [party], ["name", "crocevia_key", "crocevia_revision"])

    assert found == [party]
    assert row == {"id": party, "name": "Ada", "crocevia_key": key, "crocevia_revision": None}


def test_the_server_ends_with_its_block_and_keeps_its_database(tmp_path: Path) -> None:
    """What was written is there at the next start in the same directory."""
    with running_tryton(tmp_path) as server:
        server.person().call("model.party.party.create", [{"name": "Stays"}])
        url = f"{server.url}/rpc/"
        assert requests.post(url, json={"id": 1, "method": "common.server.version", "params": []}, timeout=5).ok

    try:
        requests.post(url, json={}, timeout=5)
    except requests.ConnectionError:
        ended = True
    else:
        ended = False
    with sqlite3.connect(tmp_path / "crm.sqlite") as database:
        names = [name for (name,) in database.execute("SELECT name FROM party_party")]
    database.close()
    with running_tryton(tmp_path) as server:
        again = server.person().call("model.party.party.search_read", [], 0, None, None, ["name"])

    assert ended
    assert names == ["Stays"]
    assert [row["name"] for row in again] == ["Stays"]


def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """No trytond is left behind by a test run that was killed."""
    program = (
        "import sys, time; from pathlib import Path; from crocevia_tryton.server import running_tryton\n"
        "with running_tryton(Path(sys.argv[1])) as server: print(server.url, flush=True); time.sleep(600)"
    )
    path = {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)}
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, env=path)
    assert parent.stdout is not None
    with parent.stdout:
        url = parent.stdout.readline().decode().strip()
        parent.kill()
        parent.wait()
        # The pipe reaches its end when the last process that holds it is gone; trytond has a pipe of its own,
        # so its socket is asked instead, until the system has closed it.
        for _ in range(100):
            try:
                requests.get(url, timeout=1)
            except requests.ConnectionError:
                return
    raise AssertionError(f"{url} still answers")


def test_the_password_is_not_shown(server: TrytonServer) -> None:
    """A server can be printed."""
    assert server.password not in repr(server)
