"""A power cut for SQLite's files in this process: what was written and not synced is gone.

SQLite asks its "VFS", a table of C functions, for everything it does to files. While a `Power` block lasts, every
file opened through SQLite's default table has its `xSync` looked over: the bytes of a file at its last sync (before
the first, as it was when it was opened) are what would be there after the worst power cut. Reads and writes go
straight through, so that what is tested is the store as it runs.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crocevia.store.database import sqlite_module

_MAIN_DB, _WAL = 0x100, 0x80000
_METHODS = 19  # iVersion and 18 functions: sqlite3_io_methods, version 3 (https://sqlite.org/c3ref/io_methods.html)
_SYNC = 5
# The name is a pointer on purpose: SQLite keeps it, and what a c_char_p hands on is a copy that is gone soon after.
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_FSYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """The head of sqlite3_vfs (https://sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
    )


def library() -> ctypes.CDLL | None:
    """The SQLite that the store uses; None where it does not let one at its table of file functions."""
    found = ctypes.CDLL(_compiled().__file__)
    return found if hasattr(found, "sqlite3_vfs_find") else None


def _compiled() -> Any:
    """The extension module beneath `sqlite_module()`."""
    name = sqlite_module().__name__.partition(".")[0]
    if name == "pysqlite3":
        from pysqlite3 import _sqlite3  # noqa: PLC0415 - no wheel on some platforms
    else:
        import _sqlite3  # noqa: PLC0415 - the fallback, as in the store
    return _sqlite3


class Power:
    """What would be on disk after a power cut now: `with Power() as power: ...; power.cut()`.

    Open and close the store inside the block. The process's one SQLite is changed for its length.
    """

    def __init__(self) -> None:
        self._files: dict[int, str] = {}
        self._handles: dict[str, int] = {}
        self._durable: dict[str, bytes] = {}
        self._tables: dict[int, Any] = {}
        self._kept: list[Any] = []

    def __enter__(self) -> Self:
        found = library()
        assert found is not None
        find = found.sqlite3_vfs_find
        find.restype, find.argtypes = ctypes.POINTER(_Vfs), [ctypes.c_char_p]
        self._vfs = find(None).contents
        self._own_open = self._vfs.open
        mine = _OPEN(self._opening(_OPEN(self._own_open)))
        self._kept.append(mine)
        self._vfs.open = ctypes.cast(mine, ctypes.c_void_p).value
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._vfs.open = self._own_open
        for handle in self._handles.values():
            os.close(handle)

    def cut(self) -> Mapping[str, bytes]:
        """Every file as it would be found, by its name without the folder."""
        return {Path(path).name: content for path, content in self._durable.copy().items()}

    def _opening(self, own: Callable[..., int]) -> Callable[..., int]:
        def open_file(vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
            code = own(vfs, name, file, flags, out)
            if code == 0 and name and flags & (_MAIN_DB | _WAL):
                path = os.fsdecode(ctypes.string_at(name))
                self._files[file] = path
                # one handle for all the time: closing a handle of a file gives up this process's locks on it
                self._handles.setdefault(path, os.open(path, os.O_RDONLY))
                self._durable.setdefault(path, self._bytes(path))
                methods = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
                methods[0] = self._watched(methods[0] or 0)
            return code

        return open_file

    def _watched(self, address: int) -> int:
        """The same table of functions, but for `xSync`."""
        if address not in self._tables:
            table = (ctypes.c_void_p * _METHODS).from_buffer_copy((ctypes.c_void_p * _METHODS).from_address(address))
            own = _FSYNC(table[1 + _SYNC - 1] or 0)

            def sync(file: int, flags: int) -> int:
                code: int = own(file, flags)
                if code == 0:
                    self._durable[self._files[file]] = self._bytes(self._files[file])
                return code

            mine = _FSYNC(sync)
            self._kept += [mine, own, table]
            table[1 + _SYNC - 1] = ctypes.cast(mine, ctypes.c_void_p).value
            self._tables[address] = table
        return ctypes.addressof(self._tables[address])

    def _bytes(self, path: str) -> bytes:
        handle = self._handles[path]
        return os.pread(handle, os.fstat(handle).st_size, 0)
