"""One Twilio account: its settings, credentials, signature and files; the same for messages and calls."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from attrs import field, frozen, validators

from crocevia import Attachment, Finding, HoldsMedia, Http, MediaSource, Raw, ReceivesWebhooks, Request, Secret
from crocevia.errors import AuthError, GoneError, RemoteError
from crocevia_twilio import signature
from crocevia_twilio.refusals import refusal

API_URL = "https://api.twilio.com"
VERSION = "2010-04-01"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
"""How the API takes what it is told."""
CALLBACK = "crocevia"
"""The parameter of our status URL in which our id of a message or call comes back."""
LONGEST_HISTORY_DAYS = 400
"""Twilio keeps the texts of messages, and the logs of calls, for 13 months in its API. Source: Twilio, *Data
retention* (2026)."""


@frozen(kw_only=True)
class AccountSettings:
    """A Twilio account, or a subaccount.

    Attributes:
        account_sid: `AC...`, on the console's first page.
        auth_token: Signs webhooks, and signs in to the API where no API key is given.
        next_auth_token: The secondary token while the primary one is being changed: webhooks of either are taken.
        api_key: `SK...`: signs in to the API instead of the account's own token.
        api_key_secret: Of the API key.
        webhook_url: What Twilio calls, as it stands in the console, where that is not `[crocevia] public_url` with
            `/hooks/<connection>`; it is also where Twilio sends what becomes of our messages.
        reconcile_minutes: How often the API's lists are read for what no webhook told; 0: never.
        history_days: How far back they are read the first time.
        base_url: Elsewhere for another region (`https://api.dublin.ie1.twilio.com`), and in tests.
    """

    account_sid: str
    auth_token: Secret
    next_auth_token: Secret | None = None
    api_key: str | None = None
    api_key_secret: Secret | None = None
    webhook_url: str | None = field(default=None, validator=validators.optional(validators.matches_re("https?://.+")))
    reconcile_minutes: float = field(default=60.0, validator=validators.ge(0))
    history_days: int = field(default=1, validator=[validators.ge(0), validators.le(LONGEST_HISTORY_DAYS)])
    base_url: str = API_URL

    def __attrs_post_init__(self) -> None:
        if (self.api_key is None) != (self.api_key_secret is None):
            msg = "api_key and api_key_secret belong together: give both, or neither"
            raise ValueError(msg)


def status_url(webhook_url: str, id: str) -> str:
    """Where Twilio is to tell what becomes of a message or call of ours, with our id of it."""
    return f"{webhook_url}{'&' if '?' in webhook_url else '?'}{urlencode({CALLBACK: id})}"


def handed_back(raw: Raw) -> str | None:
    """Our id as the status URL hands it back; None where the webhook is of nothing of ours."""
    found = parse_qs(raw.headers.get(":query", "")).get(CALLBACK)
    return found[0] if found else None


class TwilioAccount(ReceivesWebhooks, HoldsMedia):
    """What a connector of either kind does with its account."""

    settings: Any
    http: Http
    connection: str

    def authorise(self) -> Mapping[str, str]:
        """HTTP basic authentication, by API key or by the account's token."""
        settings = self.settings
        user, secret = settings.api_key or settings.account_sid, settings.api_key_secret or settings.auth_token
        return {"Authorization": "Basic " + b64encode(f"{user}:{secret.reveal()}".encode()).decode()}

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """`X-Twilio-Signature`, by the account's token or the next one; Twilio signs no time."""
        tokens = [token for token in (self.settings.auth_token, self.settings.next_auth_token) if token is not None]
        signature.verify(request, tokens, self.settings.webhook_url)

    def kept_headers(self) -> tuple[str, ...]:
        """The URL's query, in which our message's id comes back."""
        return (":query",)

    def media(self, attachment: Attachment) -> MediaSource:
        """The file at the API, with our credentials; anything that lies elsewhere is fetched without them."""
        if not attachment.url:
            raise GoneError(f"{self.connection}: Twilio has told no address of file {attachment.key}")
        return MediaSource(url=attachment.url, headers=self.authorise() if self._is_api(attachment.url) else {})

    def _is_api(self, url: str) -> bool:
        """Whether a URL is the API's own, which may be given our credentials."""
        parts, own = urlsplit(url), urlsplit(self.settings.base_url)
        return (parts.scheme, parts.netloc) in {(own.scheme, own.netloc), ("https", urlsplit(API_URL).netloc)}

    def path(self, resource: str) -> str:
        """Of a list of the account's, `"Messages"` or `"Calls"`."""
        return f"/{VERSION}/Accounts/{self.settings.account_sid}/{resource}.json"

    def check(self) -> Iterator[Finding]:
        """Ask the API for the account."""
        try:
            answer = self.http.request("GET", f"/{VERSION}/Accounts/{self.settings.account_sid}.json")
            if not answer.ok:
                raise refusal(self.http, answer, what="the account")
            found = answer.json()
        except AuthError as error:
            yield Finding(level="problem", what="credentials", do=str(error))
            return
        except RemoteError as error:
            yield Finding(level="problem", what="account", do=str(error))
            return
        account = found if isinstance(found, dict) else {}
        if account.get("status") not in (None, "active"):
            yield Finding(level="problem", what="account", do=f"it is {account['status']}: see the Twilio console")
        elif account.get("type") == "Trial":
            yield Finding(level="warning", what="account", do="a trial account reaches verified numbers only")
        else:
            yield Finding(level="ok", what=f"account {account.get('friendly_name') or self.settings.account_sid}")
        if self.settings.next_auth_token is not None:
            do = "webhooks of two tokens are taken: take `next_auth_token` out once Twilio uses one alone"
            yield Finding(level="warning", what="next_auth_token", do=do)
