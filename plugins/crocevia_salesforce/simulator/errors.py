"""What the simulated org refuses, in Salesforce's own codes and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen


@frozen
class Refusal:
    """One error of one record or one request.

    Attributes:
        code: Salesforce status code, such as ``STRING_TOO_LONG``.
        message: The text that a client sees.
        fields: API names concerned; None when the vendor leaves the key out (errors of a whole request).
        extra: Further keys of the REST error object (``duplicateResut``).
    """

    code: str
    message: str
    fields: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(factory=dict)

    def as_rest(self) -> dict[str, Any]:
        """Return the error as REST shows it: ``errorCode``, ``message`` and, of a record, ``fields``."""
        body: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return body

    def as_row(self) -> dict[str, Any]:
        """Return the error as Collections shows it: ``statusCode``, ``message``, ``fields``."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ()), **self.extra}


class ApiError(Exception):
    """A request or a record that the org refuses.

    Attributes:
        status: HTTP status of the answer when the whole request is refused.
        refusals: What is wrong, at least one.
    """

    def __init__(self, status: int, refusals: Sequence[Refusal]) -> None:
        super().__init__(f"{status} {refusals[0].code}: {refusals[0].message}")
        self.status = status
        self.refusals = tuple(refusals)

    def body(self) -> list[dict[str, Any]]:
        """Return the REST body of the error."""
        return [refusal.as_rest() for refusal in self.refusals]


class AmbiguousKeyError(ApiError):
    """Several records have the external id asked for: HTTP 300 with their addresses.

    Source: REST API guide, "Insert or Update (Upsert) a Record Using an External ID", v60.0.
    """

    def __init__(self, object_name: str, ids: Sequence[str], message: str) -> None:
        super().__init__(300, [Refusal("DUPLICATE_EXTERNAL_ID", message, ())])
        self.object_name = object_name
        self.ids = tuple(ids)


def refuse(status: int, code: str, message: str, *fields: str, **extra: Any) -> ApiError:
    """Return the error of a whole request; ``fields`` only when some are given."""
    return ApiError(status, [Refusal(code, message, fields or None, extra)])


def refuse_row(code: str, message: str, *fields: str, status: int = 400, **extra: Any) -> ApiError:
    """Return the error of one record; its ``fields`` key is always there, also when empty."""
    return ApiError(status, [Refusal(code, message, fields, extra)])


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    """Return the 404 of an address that leads nowhere."""
    return refuse(404, "NOT_FOUND", message)
