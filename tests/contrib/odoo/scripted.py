"""An Odoo that answers from a script: what the lane without a server can hold the connector to."""

import io
import json
from pathlib import Path
from typing import Any

import requests

from crocevia import Http, Secret
from crocevia_odoo.connector import Odoo, Settings

_FIELDS = json.loads((Path(__file__).parent / "fields.json").read_text())
_DATE = "Sun, 22 Nov 2026 10:00:30 GMT"


class ScriptedOdoo(requests.Session):
    """Lets everybody in, describes itself as the real one did, and answers other methods by `answers`.

    `answers[model, method]` is a function of the method's arguments, or its result; an `{"error": ...}` is one.
    """

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        super().__init__()
        self.answers = answers
        self.calls: list[tuple[str, str]] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Answer one call."""
        asked = json.loads(request.body or b"")["params"]
        found = self._answer(asked)
        body = found if isinstance(found, dict) and "error" in found else {"result": found}
        response = requests.Response()
        response.status_code = 200
        response.headers["Date"] = _DATE
        response.raw = io.BytesIO(json.dumps({"jsonrpc": "2.0", "id": 1, **body}).encode())
        return response

    def _answer(self, asked: dict[str, Any]) -> Any:
        if asked["service"] == "common":
            return self.answers.get(("common", asked["method"]), 7)
        _, _, _, model, method, arguments, keywords = asked["args"]
        self.calls.append((model, method))
        if (model, method) in self.answers:
            answer = self.answers[model, method]
            return answer(*arguments, **keywords) if callable(answer) else answer
        if method in ("fields_get", "default_get"):
            return _FIELDS[model][method]
        return []


def connector(session: ScriptedOdoo | None = None) -> Odoo:
    """The connector on such a server."""
    session = session or ScriptedOdoo({})
    settings = Settings(base_url="http://odoo.example", database="crm", user="crocevia", password=Secret("a password"))
    return Odoo(settings, connection="crm", http=Http("crm", new_session=lambda: session))
