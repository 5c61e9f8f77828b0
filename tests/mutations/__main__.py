"""`python -m tests.mutations`: break each mechanism in turn and see whether a test fails.

The tree is copied to a temporary folder, once for each worker; there one mutation at a time is made, the tests that
the table names are run against the copy, and the file is put back. Nothing is changed in the tree itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import click

from tests.mutations.mutation import ROOT, Mutation
from tests.mutations.table import MUTATIONS

FAILED, LONGEST_S, ALL_S = 1, 240, 1800
SOURCES = ("core", "plugins", "contrib", "")


def copied(folder: Path) -> Path:
    """A copy of what is in the project, without what is made from it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run(root: Path, ids: Iterable[str], *more: str, longest_s: float = LONGEST_S) -> tuple[int, str]:
    """Run tests of a copy; pytest's exit code and the end of what it said. -1: it did not end."""
    sources = os.pathsep.join(str(root / source) for source in SOURCES)
    environment = {**os.environ, "PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-k",
        "not postgresql",
        *more,
        *ids,
    ]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=longest_s, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, "it did not end"
    return done.returncode, done.stdout[-2000:]


def survives(root: Path, mutation: Mutation) -> str:
    """Why a mutation was not noticed; "" when it was."""
    path = root / mutation.file
    original = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutation.applied(root), encoding="utf-8")
        code, said = run(root, mutation.ids, "-x")
    finally:
        path.write_text(original, encoding="utf-8")
    if code in (FAILED, -1):
        return ""
    return "its tests pass" if code == 0 else f"pytest ended with {code}:\n{said}"


@click.command()
@click.option("--workers", default=2, show_default=True)
@click.option("--only", default="", help="Those whose file or reason has this in it.")
def main(workers: int, only: str) -> None:
    """Say which mutations survive; exit 1 when one does."""
    chosen = [one for one in MUTATIONS if only in one.file or only in one.why]
    survivors = []
    with tempfile.TemporaryDirectory(prefix="crocevia-mutations-") as folder, ThreadPoolExecutor(workers) as pool:
        roots: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            roots.put(copied(Path(folder) / str(number)))
        root = roots.get()
        code, said = run(root, sorted({id_ for one in chosen for id_ in one.ids}), "-n", str(workers), longest_s=ALL_S)
        if code != 0:
            raise click.ClickException(f"tests that the table names fail without any mutation:\n{said}")
        roots.put(root)

        def one(mutation: Mutation) -> str:
            root, began = roots.get(), time.monotonic()
            try:
                found = survives(root, mutation)
            finally:
                roots.put(root)
            word = "SURVIVED" if found else "killed"
            click.echo(f"{word:9} {time.monotonic() - began:4.0f} s  {mutation.file}: {mutation.why}")
            return found

        for mutation, found in zip(chosen, pool.map(one, chosen), strict=True):
            if found:
                survivors.append(mutation)
                click.echo(f"\n{mutation.file}: {mutation.why}\n{', '.join(mutation.tests)}: {found}")
    click.echo(f"mutations {len(chosen)} killed {len(chosen) - len(survivors)} survived {len(survivors)}")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
