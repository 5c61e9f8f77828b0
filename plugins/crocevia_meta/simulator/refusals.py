"""Refusals as the Graph API words them."""

from __future__ import annotations

from typing import Any

_TITLES = {
    100: "Invalid parameter",
    190: "Error validating access token",
    130429: "Rate limit hit",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131047: "Re-engagement message",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
}
_STATUSES = {190: 401, 131016: 503, 132001: 404, 130429: 429}


class Refusal(Exception):  # noqa: N818 - an answer of the protocol, not an error of ours
    """A call that is answered with Meta's error object.

    Args:
        code: Meta's.
        details: What is wrong with the call.
        subcode: Meta's, where it has one.
    """

    def __init__(self, code: int, details: str, *, subcode: int | None = None) -> None:
        super().__init__(details)
        self.code, self.details, self.subcode = code, details, subcode

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUSES.get(self.code, 400)

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        error: dict[str, Any] = {
            "message": f"(#{self.code}) {_TITLES.get(self.code, 'Error')}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "AbCdEfGhIjKlMnOpQrStUvW",
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": error}


def only(node: object, names: set[str] | frozenset[str], where: str) -> None:
    """Refuse what is no object, or has a key that is not documented."""
    if not isinstance(node, dict):
        raise Refusal(100, f"{where} must be an object")
    for name in sorted(node.keys() - names):
        raise Refusal(100, f'Unexpected key "{name}" on {where}')


def length(value: object, least: int, most: int, where: str) -> None:
    """Refuse what is no text of so many characters."""
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise Refusal(100, f"Param {where} must be a text of {least} to {most} characters")
