"""A refresh token that rotates must outlive the process: it lies sealed in a file, and is replaced before it is used.

AES-256-GCM with a key derived (HKDF) from a secret that comes from the environment, a file or the keyring; the
connection's name is part of what is sealed, so a file of another connection does not open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from attrs import frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crocevia import Secret
from crocevia.errors import AuthError

try:
    import fcntl
except ImportError:  # Windows: one process at a time
    fcntl = None  # type: ignore[assignment]  # looked at before use

SHORTEST_KEY = 32
_FORMAT = b"crocevia-token-1\n"
_NONCE = 12
_FRESH = timedelta(minutes=10)
"""An access token this young, of another process, is used; the shortest session that an org can set is 15 minutes.
Source: Salesforce Help, "Modify Session Security Settings", read 2026-10."""


@frozen(kw_only=True)
class Kept:
    """What is sealed.

    Attributes:
        granted: Digest of the refresh token in the settings that this one descends from.
        refresh: The refresh token to use next.
        access: The access token that came with it.
        instance_url: Where `access` is good.
        at: When they came.
    """

    granted: str
    refresh: str
    access: str
    instance_url: str
    at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether the access token has surely not ended by itself yet."""
        return timedelta(0) <= now - self.at < _FRESH


class Vault:
    """The sealed file of one connection.

    Args:
        path: The file; its folder must be writable.
        key: At least 32 characters of chance.
        connection: Whose it is.
        granted: The refresh token of the settings: when a person grants a new one, the file is overlooked.
    """

    def __init__(self, path: Path, key: Secret, connection: str, granted: Secret) -> None:
        self._path = path
        self._connection = connection
        self._granted = sha256(granted.reveal().encode()).hexdigest()
        derived = HKDF(SHA256(), length=32, salt=None, info=_FORMAT).derive(key.reveal().encode())
        self._cipher = AESGCM(derived)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other threads and processes out while a token is renewed. Raises AuthError: it cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_name(self._path.name + ".lock").open("a")
        except OSError as error:
            raise self._unusable(f"cannot be written ({error.strerror})") from error
        with lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> Kept | None:
        """What was kept; None before the first time, and when the settings hold a newly granted token.

        Raises:
            AuthError: the file does not open with this key.
        """
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(f"cannot be read ({error.strerror})") from error
        body = sealed.removeprefix(_FORMAT)
        try:
            opened = self._cipher.decrypt(body[:_NONCE], body[_NONCE:], self._connection.encode())
        except (InvalidTag, ValueError) as error:
            step = "does not open with token_key: set the key that it was made with, or delete the file and grant anew"
            raise self._unusable(step) from error
        kept = msgspec.json.decode(opened, type=Kept)
        return kept if kept.granted == self._granted else None

    def keep(self, refresh: str, access: str, instance_url: str, now: datetime) -> None:
        """Put a new token in the old one's place, on disk before anybody uses it. Raises AuthError: it cannot be."""
        kept = Kept(granted=self._granted, refresh=refresh, access=access, instance_url=instance_url, at=now)
        nonce = os.urandom(_NONCE)
        sealed = _FORMAT + nonce + self._cipher.encrypt(nonce, msgspec.json.encode(kept), self._connection.encode())
        beside = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise self._unusable(f"cannot be written ({error.strerror})") from error

    def _unusable(self, what: str) -> AuthError:
        return AuthError(f"{self._connection}: token_file {self._path} {what}")


def _sync_folder(folder: Path) -> None:
    """Make the renaming durable too."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
