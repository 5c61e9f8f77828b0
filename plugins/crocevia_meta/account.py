"""One account of Meta's: its token, its calls, and looks at whether they work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from crocevia import Finding, Http
from crocevia.errors import AuthError, GoneError, OutcomeUnknownError, RemoteError, UndeliverableError
from crocevia_meta.graph import refusal


@frozen(kw_only=True)
class Account:
    """Whose updates these are.

    Attributes:
        object: What Meta calls it in a delivery: `"page"`, `"instagram"`.
        id: The page's or professional account's id, as deliveries name it.
        kind: Of the contact points of its customers.
        connection: The connection's name, by which what it sent is recognised.
    """

    object: str
    id: str
    kind: str
    connection: str

    def mark(self, message: str) -> str:
        """What travels with a message of ours, so that its echo is known: by whom it was sent, and its id."""
        return f"crocevia/{self.connection}/{message}"


def marked(metadata: str | None) -> tuple[str, str] | None:
    """The connection and the id of a message that `Account.mark` has marked; None for any other."""
    parts = (metadata or "").split("/")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "crocevia" and parts[2] else None


class GraphAccount:
    """What connectors of an account of the Graph API share; a mixin to stand before `Connector`.

    The connector's settings have `access_token` and `graph_version`.
    """

    settings: Any
    connection: str
    http: Http

    def authorise(self) -> Mapping[str, str]:
        """The access token, with every call."""
        return {"Authorization": f"Bearer {self.settings.access_token.reveal()}"}

    def call(self, method: str, path: str, *, what: str, ours: bool = True, **more: Any) -> Mapping[str, Any]:
        """Make one call of the pinned version.

        Args:
            path: Below the version, starting with a slash.
            what: What is wanted, with our id; never its text.
            ours: Whether it is about our own account, and not about a message or comment, which may be gone.
            more: As for `Http.request`.

        Returns:
            The object that was answered; an empty one for anything else.

        Raises:
            RemoteError: what Meta's refusal decides.
        """
        answer = self.http.request(method, f"/{self.settings.graph_version}{path}", **more)
        if not answer.ok:
            raise refusal(self.http, answer, what=what, ours=ours)
        found = answer.json()
        return found if isinstance(found, dict) else {}

    def posted(
        self, path: str, body: Mapping[str, Any], message: str, key: str, *, ours: bool = True
    ) -> tuple[str, Mapping[str, Any]]:
        """Send message `message` and return the id that is answered under `key`, and the whole answer.

        Raises:
            UndeliverableError: what it answers is gone.
            OutcomeUnknownError: it was taken, and no id came back.
            RemoteError: what Meta's refusal decides.
        """
        try:
            found = self.call("POST", path, what=f"message {message}", ours=ours, json=body)
        except GoneError as error:
            said = f"{self.connection}: message {message} answers what is not there any more"
            raise UndeliverableError(said, code=error.code, status=error.status) from error
        if isinstance(id_ := found.get(key), str) and id_:
            return id_, found
        said = f"{self.connection}: message {message} was taken without an id; its echo tells"
        raise OutcomeUnknownError(said)

    def asked(self, what: str, path: str, **params: str) -> Mapping[str, Any] | Finding:
        """The object at `path`, or what is wrong."""
        try:
            return self.call("GET", path, what=f"the {what} at {path}", params=params)
        except AuthError as error:
            return Finding(level="problem", what="access_token", do=str(error))
        except RemoteError as error:
            return Finding(level="problem", what=what, do=str(error))

    def subscription(self, path: str, *needed: str) -> Finding:
        """Whether an app is subscribed to the account at `path`, with the fields that are needed."""
        found = self.asked("webhooks", f"{path}/subscribed_apps")
        if isinstance(found, Finding):
            return found
        data = found.get("data")
        apps = [app for app in data if isinstance(app, dict)] if isinstance(data, list) else []
        if not apps:
            do = f"no app is subscribed to it: POST {path}/subscribed_apps, or use the App dashboard"
            return Finding(level="problem", what="webhooks", do=do)
        fields = {field for app in apps for field in app.get("subscribed_fields") or ()}
        if missing := [field for field in needed if field not in fields]:
            do = f"not subscribed to {', '.join(missing)}: what they tell does not come in"
            return Finding(level="warning", what="webhooks", do=do)
        return Finding(level="ok", what="webhooks")
