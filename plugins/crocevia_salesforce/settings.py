"""Settings of one Salesforce org."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import phonenumbers
from attrs import field, frozen, validators

from crocevia import Secret
from crocevia.errors import ConfigError
from crocevia_salesforce.tasks import TaskAnswers
from crocevia_salesforce.vault import SHORTEST_KEY

CustomerObject = Literal["Contact", "Lead", "Account"]
Login = Literal["client credentials", "jwt bearer", "refresh token", "session id"]

_NEEDED: dict[str, tuple[str, ...]] = {
    "client credentials": ("client_id", "client_secret"),
    "jwt bearer": ("client_id", "username", "private_key"),
    "refresh token": ("client_id", "refresh_token"),
    "session id": ("session_id",),
}
_VERSION = re.compile(r"\d\d\.0")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _host(instance_url: str) -> str:
    return instance_url.rstrip("/")


@frozen(kw_only=True)
class Settings:
    """One org, one integration user.

    Attributes:
        instance_url: The org's My Domain, sandboxes included: `"https://acme--uat.sandbox.my.salesforce.com"`.
            Plain http is taken for a simulator on this machine only.
        login: How a token is had. `"client credentials"` needs client_id and client_secret; `"jwt bearer"`
            client_id, username and private_key; `"refresh token"` client_id, refresh_token and, where the app asks for
            it, client_secret; `"session id"` session_id, which cannot be renewed.
        client_id: Consumer key of the external client app (or connected app).
        client_secret: Its consumer secret.
        username: The integration user, for `"jwt bearer"`.
        private_key: PEM of the key whose certificate the app holds, for `"jwt bearer"`.
        audience: `aud` of the JWT; None: the My Domain. Older connected apps take
            `"https://login.salesforce.com"` or `"https://test.salesforce.com"`, external client apps do not.
        refresh_token: For `"refresh token"`.
        token_file: Where the refresh token in use is kept, sealed, for apps that rotate it; None: in memory alone.
        token_key: At least 32 characters of chance (`openssl rand -base64 32`) that seal `token_file`.
        session_id: For `"session id"`.
        api_version: Pinned; `crocevia check` says whether the org still serves it.
        objects: As what customers are kept: `"Contact"`, `"Lead"`, `"Account"` (person accounts). All are kept in step;
            new ones are made as the first, unless `record_as` or a plugin says otherwise.
        person_record_type: Record type of new person accounts; None: the user's default one.
        package: Whether the org has Crocevia's package. False: customers alone are kept in step, in standard fields;
            interactions and contact points without a field need the package. Without our key a create cannot be
            repeated safely: one whose answer is lost is looked for, and else left to a person.
        mirror: `"task"` makes one Task beside each interaction of a contact.
        replies_from_tasks: Which Tasks that people write are answers to be sent; None: none.
        key_field: External id field (text, unique, case-sensitive) on every mapped object.
        revision_field: Number field where our revision is stamped.
        overlap_s: How late, in seconds, a commit may be and still be found by polling. Source: in use elsewhere,
            10 (Singer) and 600 (Airbyte); no limit is documented.
        bulk_from: Rows of one object from which a batch goes as a Bulk 2.0 job instead of Collections. Source: Bulk API
            2.0 guide v60.0: "more than 2,000 records is a good candidate".
        region: ISO country of phone numbers that people typed into the CRM without a prefix (`"IT"`); None: each is
            taken for a number of the country that is looked for.
        duplicate_rules: `"obey"` reports what a duplicate rule refuses; `"override"` saves it all the same, where the
            rule is an alert.
    """

    instance_url: str = field(converter=_host)
    login: Login = "client credentials"
    client_id: str | None = None
    client_secret: Secret | None = None
    username: str | None = None
    private_key: Secret | None = None
    audience: str | None = None
    refresh_token: Secret | None = None
    token_file: str | None = None
    token_key: Secret | None = None
    session_id: Secret | None = None
    api_version: str = "62.0"
    objects: tuple[CustomerObject, ...] = ("Contact",)
    person_record_type: str | None = None
    package: bool = True
    mirror: Literal["none", "task"] = "none"
    replies_from_tasks: TaskAnswers | None = None
    key_field: str = "Crocevia_Key__c"
    revision_field: str = "Crocevia_Revision__c"
    overlap_s: int = field(default=60, validator=validators.ge(1))
    bulk_from: int = field(default=2_001, validator=validators.ge(1))
    region: str | None = None
    duplicate_rules: Literal["obey", "override"] = "obey"

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot work. Raises ConfigError with one line a setting."""
        problems = [
            f"{name}: expected a value, as login = {self.login!r} needs it, got nothing"
            for name in _NEEDED.get(self.login, ())
            if not getattr(self, name)
        ]
        parts = urlsplit(self.instance_url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or parts.path or (parts.scheme != "https" and not local):
            problems.append(
                "instance_url: expected the org's My Domain, such as 'https://acme.my.salesforce.com', "
                f"got {parts.scheme}://{parts.hostname or ''}{parts.path}"
            )
        if self.login == "client credentials" and parts.hostname in ("login.salesforce.com", "test.salesforce.com"):
            problems.append(
                "instance_url: expected the org's My Domain, as client credentials need it, got a login host"
            )
        problems += self._unsealed()
        if not self.objects or len(set(self.objects)) != len(self.objects):
            problems.append(f"objects: expected some of Contact, Lead, Account, each once, got {list(self.objects)!r}")
        if not _VERSION.fullmatch(self.api_version):
            problems.append(f"api_version: expected one such as '62.0', got {self.api_version!r}")
        if self.replies_from_tasks is not None and not self.package:
            problems.append("replies_from_tasks: expected package = true, as answers are Interaction__c too, got false")
        if self.region is not None and self.region not in phonenumbers.SUPPORTED_REGIONS:
            problems.append(f"region: expected an ISO country in capitals, such as 'IT', got {self.region!r}")
        if problems:
            raise ConfigError(*problems)

    @property
    def kept_key(self) -> str | None:
        """The external id field; None: the org has none."""
        return self.key_field if self.package else None

    @property
    def kept_revision(self) -> str | None:
        """The field of our revision; None: the org has none."""
        return self.revision_field if self.package else None

    def _unsealed(self) -> list[str]:
        """What is missing for a token to be kept."""
        if self.token_file is None:
            return []
        if self.token_key is None or len(self.token_key.reveal()) < SHORTEST_KEY:
            got = "nothing" if self.token_key is None else "a shorter one"
            return [f"token_key: expected {SHORTEST_KEY} characters of chance (openssl rand -base64 32), got {got}"]
        return []
