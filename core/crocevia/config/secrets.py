"""Where secrets come from: the environment, a file, the system's keyring; with a warning, the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from crocevia.secret import Secret

EXPECTED = 'a secret: { env = "NAME" }, { file = "PATH" } or { keyring = "SERVICE/NAME" }'


class NoSecretError(ValueError):
    """A secret could not be had; `expected` and `got` are for the user, and hold no secret."""

    def __init__(self, expected: str, got: str, path: str = "") -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got
        self.path = path


@frozen(kw_only=True)
class Secrets:
    """Reads secrets.

    Attributes:
        environ: The environment.
        folder: Relative files are looked for here, beside the settings.
    """

    environ: Mapping[str, str]
    folder: Path

    def read(self, value: Any) -> Secret:
        """The secret that a setting stands for. Raises NoSecretError with what to do."""
        if isinstance(value, str):
            if not value:
                raise NoSecretError(EXPECTED, "an empty text")
            return Secret(value)
        if not isinstance(value, dict):
            raise NoSecretError(EXPECTED, "a value of another type")
        if len(value) != 1 or not isinstance(named := next(iter(value.values())), str) or not named:
            raise NoSecretError(EXPECTED, f"a table with {', '.join(value) or 'nothing'}")
        match next(iter(value)):
            case "env":
                return self._from_environment(named)
            case "file":
                return self._from_file(named)
            case "keyring":
                return _from_keyring(named)
            case other:
                raise NoSecretError(EXPECTED, f"a table with {other}")

    def _from_environment(self, name: str) -> Secret:
        found = self.environ.get(name)
        if found is None:
            raise NoSecretError(f"a secret in the environment variable {name}", "no such variable", "env")
        if not found.strip():
            raise NoSecretError(f"a secret in the environment variable {name}", "an empty one", "env")
        return Secret(found)

    def _from_file(self, name: str) -> Secret:
        path = self.folder / Path(name).expanduser()
        try:
            found = path.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "bytes that are no text"
            raise NoSecretError(f"a secret in the file {path}", str(why).lower(), "file") from None
        if not found.strip():
            raise NoSecretError(f"a secret in the file {path}", "an empty one", "file")
        return Secret(found)


def _from_keyring(name: str) -> Secret:
    service, slash, user = name.rpartition("/")
    if not slash or not service or not user:
        raise NoSecretError('"SERVICE/NAME"', "a text without the two parts", "keyring")
    import keyring  # noqa: PLC0415 - slow to load, and few use it
    from keyring.errors import KeyringError  # noqa: PLC0415 - as above

    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        reason = f"no keyring here ({type(error).__name__}): use env or file"
        raise NoSecretError(f"a secret {name} in the keyring", reason, "keyring") from None
    if not found:
        step = f"none: `keyring set {service} {user}` puts it there"
        raise NoSecretError(f"a secret {name} in the keyring", step, "keyring")
    return Secret(found)
