"""The programs of a run: started so that none outlives us, killed and stopped by process id only."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import crocevia_demo
from tests.faults.nursery import Child

_LEASH = Path(crocevia_demo.__file__).with_name("leash.py")
_START_S = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    program: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start a program that gets SIGTERM when the thread that started it ends."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *program],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def first_line(process: subprocess.Popen[bytes]) -> str:
    """What a program says first: simulators say their URL. Raises RuntimeError when it says nothing."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().decode().strip() if selector.select(_START_S) else ""
    if not line:
        raise RuntimeError(f"{process.args!r} did not start")
    return line


def end(process: subprocess.Popen[bytes] | Child, within_s: float = 15.0) -> int:
    """SIGTERM, after a while SIGKILL; return the exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return int(process.wait())


def crocevia(*arguments: str) -> list[str]:
    """The command line of this installation's `crocevia`."""
    return [sys.executable, "-c", "from crocevia.cli import main; main()", *arguments]
