"""Started as a file, not as a module: become another program that is told to stop when its parent has died.

Nothing of the demo may outlive it, also when it is killed without a chance to clean up. Only Linux can promise that;
elsewhere the program simply runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # Source: prctl(2), Linux 6.7; it survives execve


def main() -> None:
    """`leash.py PARENT PROGRAM ARGUMENT...`: the process id stays the same."""
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(1)  # it died before it could be asked
    os.execv(program[0], program)  # noqa: S606 - the demo's own programs, no shell wanted


if __name__ == "__main__":
    main()
