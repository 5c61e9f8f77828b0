"""A real Odoo server for tests and integrators: Debian's own package, in a Debian of its own.

    with running_odoo(directory) as server:
        print(server.url, server.database, server.user, server.password)

Needs root on Linux, and the Debian 11 with `odoo-14` that `.ci/peers-odoo` makes once. Odoo and its PostgreSQL run in
namespaces of their own: their mounts are seen by nobody else, and the kernel ends both when this process ends.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

from crocevia import Http, Secret
from crocevia.errors import RemoteError
from crocevia_odoo.rpc import Rpc

ROOT = Path("/var/cache/crocevia/odoo-14")
"""Where the Debian with Odoo is; `CROCEVIA_ODOO_ROOT` names another place."""

_DATABASE = "crm"
_USER = "crocevia"
_PERSON = "admin"
_MODULES = "contacts,crm,mail,base_automation"
_INITIALISE_TIMEOUT_S = 400
_START_TIMEOUT_S = 150
_GROUPS = ("base.group_user", "base.group_partner_manager")
_ACCOUNT = {"name": "Crocevia", "login": _USER, "email": "crocevia@example.com"}

_ENTER = """
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && mount --bind "$2" "$1/srv" && exec chroot "$1" sh /srv/run
"""
# The first process of its namespace: when it ends, the kernel ends the others.
_RUN = """
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups "$@"; }
bin=$(echo /usr/lib/postgresql/*/bin)
chown -R postgres:postgres /srv/cluster /srv/socket && chown -R odoo:odoo /srv/data
chmod 755 /srv /srv/socket && chmod 700 /srv/cluster
[ -e /srv/cluster/PG_VERSION ] || {
    as postgres "$bin/initdb" --auth=trust --encoding=utf8 --username=postgres -D /srv/cluster && fresh=1
} || exit 1
as postgres "$bin/pg_ctl" start -w -D /srv/cluster -l /srv/cluster/log -o \
    "-k /srv/socket -c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=off" || exit 1
cd /srv/data
[ -z "$fresh" ] || {
    as postgres "$bin/createuser" -h /srv/socket --createdb odoo
    as odoo odoo -c /srv/odoo.conf -i "$MODULES" --without-demo=all --stop-after-init || exit 1
}
as odoo odoo -c /srv/odoo.conf &
cat >/dev/null
kill $!; wait $!
as postgres "$bin/pg_ctl" stop -w -m fast -D /srv/cluster
"""
_CONFIGURATION = """[options]
db_host = /srv/socket
db_user = odoo
db_name = crm
http_interface = 127.0.0.1
http_port = {port}
workers = 0
max_cron_threads = 0
list_db = False
data_dir = /srv/data
log_level = warn
"""


@frozen
class OdooServer:
    """Where a running server is and how to log in.

    Attributes:
        url: Without the database.
        user: Login for Crocevia: an employee who may manage contacts, and no more.
        password: Of every user.
    """

    url: str
    database: str
    user: str
    password: str = field(repr=False)

    def person(self) -> Rpc:
        """Calls of somebody who works in Odoo: `person().call("res.partner", "write", [7], {"name": "Ada"})`."""
        return _login(self.url, _PERSON, self.password)


def problem(root: Path | None = None) -> str:
    """Why no server can be started here; `""` when one can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "Odoo runs in namespaces of its own, which takes root on Linux"
    if not (_root(root) / "usr/bin/odoo").exists():
        return f"no Odoo in {_root(root)}: run .ci/peers-odoo as root on Debian"
    return ""


@contextmanager
def running_odoo(directory: Path, *, cache: Path | None = None, root: Path | None = None) -> Iterator[OdooServer]:
    """Start Odoo on a free loopback port with a database of its own; stop it at the end of the block.

    Args:
        directory: Where the database and the logs go; made if missing. A database that is already there is used again.
        cache: Where an initialised database is kept between runs; None is `$XDG_CACHE_HOME/crocevia/odoo`.
        root: The Debian with Odoo; None is `ROOT`.

    Raises:
        RuntimeError: it cannot be started; the message says why, or names the log.
    """
    if why := problem(root):
        raise RuntimeError(why)
    if not (directory / "cluster").exists():
        shutil.copytree(_initialised(cache or _default_cache(), root), directory, symlinks=True, dirs_exist_ok=True)
    with _served(directory, root, _START_TIMEOUT_S) as url:
        yield OdooServer(url, _DATABASE, _USER, (directory / "password").read_text())


@contextmanager
def _served(directory: Path, root: Path | None, timeout_s: float) -> Iterator[str]:
    for name in ("cluster", "data", "socket"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    port = _free_port()
    (directory / "odoo.conf").write_text(_CONFIGURATION.format(port=port))
    (directory / "run").write_text(_RUN)
    with (directory / "odoo.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own script
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"),
                *("sh", "-c", _ENTER, "enter", _root(root), directory.resolve()),
            ],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MODULES": _MODULES},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, directory / "odoo.log", timeout_s)
        yield url
    finally:
        try:
            process.communicate(timeout=30)  # its standard input closes: it stops by itself
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    asking = _login(url, _PERSON, "")
    while time.monotonic() < end and process.poll() is None:
        try:
            asking.version()
        except RemoteError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Odoo did not start: read {log}")


def _login(url: str, user: str, password: str) -> Rpc:
    http = Http("a person in Odoo", base_url=url)
    return Rpc(http, database=_DATABASE, user=user, password=Secret(password))


def _free_port() -> int:
    """A port that nobody has now: Odoo cannot be asked which one it was given."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _root(root: Path | None) -> Path:
    return root or Path(os.environ.get("CROCEVIA_ODOO_ROOT") or ROOT)


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crocevia" / "odoo"


def _initialised(cache: Path, root: Path | None) -> Path:
    """The folder of an initialised server of this version; one process makes it while the others wait."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = cache / _fingerprint(_root(root))
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            for old in [path for path in cache.iterdir() if path.is_dir()]:
                shutil.rmtree(old)
            making = wanted.with_suffix(".making")
            making.mkdir()
            _initialise(making, root)
            making.rename(wanted)
    return wanted


def _fingerprint(root: Path) -> str:
    status = (root / "var/lib/dpkg/info/odoo-14.md5sums").read_bytes()
    return hashlib.sha256(status + f"{_MODULES}{_RUN}{_GROUPS}{_ACCOUNT}".encode()).hexdigest()[:20]


def _initialise(directory: Path, root: Path | None) -> None:
    password = secrets.token_urlsafe(24)
    (directory / "password").write_text(password)
    with _served(directory, root, _INITIALISE_TIMEOUT_S) as url:
        admin = _login(url, _PERSON, "admin")
        groups = [admin.call("ir.model.data", "xmlid_to_res_id", name) for name in _GROUPS]
        values = {**_ACCOUNT, "password": password, "groups_id": [[6, 0, groups]]}
        admin.call("res.users", "create", values, context={"no_reset_password": True})
        admin.call("res.users", "write", [admin.user_id()], {"password": password})
