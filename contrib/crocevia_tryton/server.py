"""A real Tryton server with Crocevia's module, for tests, the demo and integrators.

    with running_tryton(directory) as server:
        print(server.url, server.database, server.user, server.password)

Needs `trytond` and `trytond-party` installed. The first start initialises a database, about a minute; it is kept in
a cache directory under a name made of the versions and of the module's files, so that later starts copy a file.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from attrs import field, frozen

from crocevia import Http, Secret
from crocevia_tryton.rpc import Rpc

_DATABASE = "crm"
_USER = "crocevia"
_PERSON = "admin"
_MODULE = Path(__file__).parent / "tryton_module"
_ENTRY_POINT = ("trytond.modules", "crocevia", "crocevia_tryton.tryton_module")
_INITIALISE_TIMEOUT_S = 600
_KEPT_S = 30 * 24 * 3600
_CONFIGURATION = """[database]
path = {directory}
uri = sqlite://
list = False
[session]
authentications = password
"""


@frozen
class TrytonServer:
    """Where a running server is and how to log in.

    Attributes:
        url: Without the database.
        user: Login for Crocevia, with no more rights than Tryton gives every user.
        password: Of every user.
    """

    url: str
    database: str
    user: str
    password: str = field(repr=False)

    def person(self) -> Rpc:
        """Calls of somebody who works in Tryton: `person().call("model.party.party.write", [7], {"name": "Ada"})`."""
        http = Http("a person in Tryton", base_url=self.url)
        return Rpc(http, database=self.database, user=_PERSON, password=Secret(self.password), context={})


@contextmanager
def running_tryton(directory: Path, *, cache: Path | None = None) -> Iterator[TrytonServer]:
    """Start trytond on a free loopback port with a database of its own; stop it at the end of the block.

    Args:
        directory: Where the database, the configuration and `trytond.log` go; made if missing. A database
            that is already there is used again.
        cache: Where initialised databases are kept between runs; None is `$XDG_CACHE_HOME/crocevia/tryton`.

    Raises:
        RuntimeError: trytond is not installed or did not start; the message names the log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    database, secret = directory / f"{_DATABASE}.sqlite", directory / "password"
    if not database.exists():
        initialised = _initialised(cache or _default_cache())
        shutil.copyfile(initialised.with_suffix(".password"), secret)
        shutil.copyfile(initialised, database)
    with (directory / "trytond.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "crocevia_tryton.serving", _DATABASE],
            env=_environment(directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        port = (process.stdout.readline() if process.stdout else b"").strip().decode()
        if not port:
            raise RuntimeError(f"trytond did not start: read {directory / 'trytond.log'}")
        yield TrytonServer(f"http://127.0.0.1:{port}", _DATABASE, _USER, secret.read_text().strip())
    finally:
        process.terminate()
        process.communicate()


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crocevia" / "tryton"


def _initialised(cache: Path) -> Path:
    """Return an initialised database of these versions; one process makes it while the others wait."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = cache / f"{_fingerprint()}.sqlite"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            building = cache / "building"
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            _initialise(building)
            (building / "password").replace(wanted.with_suffix(".password"))
            (building / f"{_DATABASE}.sqlite").replace(wanted)
            shutil.rmtree(building)
            _forget_old(cache)
    return wanted


def _forget_old(cache: Path) -> None:
    """Remove what other versions left long ago."""
    for path in cache.glob("*.*"):
        if time.time() - path.stat().st_mtime > _KEPT_S:
            path.unlink()


def _fingerprint() -> str:
    versions = {name: _version(name) for name in ("trytond", "trytond-party", "trytond-country")}
    digest = hashlib.sha256(json.dumps([versions, _CONFIGURATION]).encode())
    for path in sorted(p for p in _MODULE.rglob("*") if p.suffix in {".py", ".cfg", ".xml"}):
        digest.update(path.relative_to(_MODULE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError as error:
        raise RuntimeError(f"{distribution} is not installed: pip install trytond trytond-party") from error


def _initialise(directory: Path) -> None:
    (directory / "password").write_text(secrets.token_urlsafe(24))
    path = directory / f"{_DATABASE}.sqlite"
    sqlite3.connect(path).close()  # trytond-admin fills a database, it does not make one
    _administer(directory, "--update", "crocevia", "--activate-dependencies")
    _administer(directory, "--login", _USER, "--password")
    connection = sqlite3.connect(path)
    try:
        # One file that can be copied: nothing left in a write-ahead log beside it.
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()


def _administer(directory: Path, *arguments: str) -> None:
    log = directory / "initialise.log"
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "trytond.cli.admin", "-d", _DATABASE, *arguments],
            env={**_environment(directory), "TRYTONPASSFILE": str(directory / "password")},
            input=b"\n",  # no e-mail address for the administrator
            stdout=output,
            stderr=output,
            timeout=_INITIALISE_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"trytond-admin could not initialise a database: read {log}")


def _environment(directory: Path) -> dict[str, str]:
    """Return the environment in which trytond finds its configuration and Crocevia's module."""
    configuration = directory / "trytond.conf"
    configuration.write_text(_CONFIGURATION.format(directory=directory.resolve()))
    # Where this process imports from, its child does too, also when a test runner set the path.
    path = [str(Path(__file__).parent.parent), *(entry for entry in sys.path if entry)]
    if not _entry_point_is_installed():
        path.insert(0, str(_as_if_installed(directory / "site")))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRYTOND_")}
    return {**inherited, "TRYTOND_CONFIG": str(configuration), "PYTHONPATH": os.pathsep.join(path)}


def _entry_point_is_installed() -> bool:
    group, name, value = _ENTRY_POINT
    return any(found.value == value for found in metadata.entry_points(group=group, name=name))


def _as_if_installed(site: Path) -> Path:
    """Make the metadata by which trytond finds the module where Crocevia runs from its sources."""
    group, name, value = _ENTRY_POINT
    information = site / "crocevia_tryton_module-0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: crocevia-tryton-module\nVersion: 0\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
    return site
