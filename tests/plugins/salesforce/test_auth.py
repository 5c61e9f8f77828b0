"""Logging in: each way, its mistakes, and one renewal for all threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crocevia import Secret
from crocevia.config import load_settings
from crocevia.errors import AuthError, ConfigError, RetryableError
from crocevia.plugins import load_plugins
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from tests.plugins.salesforce.conftest import Connect


def logins(org: Simulator) -> int:
    """How many tokens were asked for."""
    return len([call for call in org.admin.calls() if call["path"].endswith("/oauth2/token")])


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    """The integration's key; its public half is in the app."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def jwt_org(private_key: rsa.RSAPrivateKey) -> Iterator[Simulator]:
    """An org whose app verifies assertions."""
    public = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with running_simulator(Options(public_key=public.decode())) as simulator:
        yield simulator


def pem(key: rsa.RSAPrivateKey) -> Secret:
    """The key as a setting holds it."""
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(encoded.decode())


def test_client_credentials_log_in_once_for_many_calls(org: Simulator, salesforce: Salesforce) -> None:
    """The token is kept until the org refuses it."""
    salesforce.describe("Contact")
    salesforce.describe("Account")

    assert logins(org) == 1


def test_a_wrong_secret_says_what_to_mend_and_shows_nothing(connect: Connect) -> None:
    """The connection pauses: AuthError, with the vendor's code."""
    with pytest.raises(AuthError, match="client_secret is wrong") as caught:
        connect(client_secret=Secret("hunter2")).describe("Contact")

    assert caught.value.code == "invalid_client"
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).startswith("acme: ")


def test_a_jwt_is_signed_for_the_my_domain(jwt_org: Simulator, private_key: rsa.RSAPrivateKey) -> None:
    """External client apps refuse the generic audience; older apps take it by setting."""
    given = {"login": "jwt bearer", "client_id": "crocevia", "username": "integration@crocevia.example"}
    for audience in (None, "https://login.salesforce.com"):
        settings = Settings(instance_url=jwt_org.url, private_key=pem(private_key), audience=audience, **given)  # type: ignore[arg-type]  # a literal in a dict

        assert "LastName" in Salesforce(settings).describe("Contact").fields


def test_a_key_that_is_none_and_one_of_another_app_are_told_apart(jwt_org: Simulator) -> None:
    """Before the org is asked, and after."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key, reason in ((Secret("no key"), "not a PEM private RSA key"), (pem(other), "look at the app's policies")):
        settings = Settings(
            instance_url=jwt_org.url, login="jwt bearer", client_id="crocevia", username="u@x.example", private_key=key
        )
        with pytest.raises(AuthError, match=reason):
            Salesforce(settings).describe("Contact")


def test_a_rotating_refresh_token_is_followed(org: Simulator, connect: Connect) -> None:
    """Each is good for one use."""
    first = org.org.sessions.refresh_token(org.org.integration_user)
    salesforce = connect(login="refresh token", refresh_token=Secret(first), client_secret=None)
    for _ in range(3):
        salesforce.describe("Contact")
        org.admin.expire_sessions()

    assert logins(org) == 3


def test_a_session_id_is_used_and_cannot_be_renewed(org: Simulator, connect: Connect) -> None:
    """For a trial: when it ends, the user is told."""
    session = org.org.sessions.open(org.org.integration_user)
    salesforce = connect(login="session id", session_id=Secret(session), client_id=None, client_secret=None)
    salesforce.describe("Contact")
    org.admin.expire_sessions()

    with pytest.raises(AuthError, match="set another session_id"):
        salesforce.describe("Contact")


def test_eight_threads_that_find_the_session_ended_log_in_once(org: Simulator, salesforce: Salesforce) -> None:
    """And all eight calls succeed."""
    salesforce.describe("Contact")
    org.admin.expire_sessions()
    before, barrier = logins(org), threading.Barrier(8)

    def describe(_: int) -> int:
        barrier.wait(timeout=10)
        return len(salesforce.describe("Contact").fields)

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(describe, range(8)))

    assert len(set(counts)) == 1
    assert logins(org) - before == 1


def test_an_org_in_trouble_is_asked_to_log_in_again_later(org: Simulator, salesforce: Salesforce) -> None:
    """An HTML page instead of a token pauses nothing."""
    org.admin.fault("unavailable", "oauth2/token", times=1)

    with pytest.raises(RetryableError):
        salesforce.describe("Contact")
    assert salesforce.describe("Contact").fields


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"instance_url": "https://acme.my.salesforce.com"}, "client_id: expected a value"),
        ({"instance_url": "http://acme.my.salesforce.com"}, "instance_url: expected the org's My Domain"),
        ({"instance_url": "acme.my.salesforce.com"}, "instance_url: expected the org's My Domain"),
        ({"instance_url": "https://login.salesforce.com"}, "got a login host"),
        ({"instance_url": "https://acme.my.salesforce.com", "login": "jwt bearer"}, "private_key: expected a value"),
        ({"instance_url": "https://acme.my.salesforce.com", "api_version": "v62"}, "api_version: expected one such as"),
        ({"instance_url": "https://acme.my.salesforce.com", "region": "Italy"}, "region: expected an ISO country"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_field(given: dict[str, str], problem: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ConfigError, match=problem):
        Settings(**given)  # type: ignore[arg-type]  # wrong on purpose


def test_settings_are_read_from_toml(tmp_path: Path) -> None:
    """With the rules' own paths in what is told."""
    file = tmp_path / "crocevia.toml"
    head = '[connections.crm]\nkind = "salesforce"\ninstance_url = "https://acme.my.salesforce.com"\n'
    plugins = load_plugins()
    file.write_text(head + 'client_id = "3MVG9"\nclient_secret = { env = "SF" }\n')
    connection = load_settings(file, plugins, environ={"SF": "hunter2"}).connections["crm"]
    file.write_text(head + 'login = "session id"\n')

    with pytest.raises(ConfigError, match=r"connections\.crm\.session_id: expected a value"):
        load_settings(file, plugins, environ={})
    assert connection.settings.client_secret.reveal() == "hunter2"


def test_settings_show_no_secret() -> None:
    """Neither printed nor in a message."""
    settings = Settings(instance_url="https://a.my.salesforce.com", client_id="c", client_secret=Secret("hunter2"))

    assert "hunter2" not in repr(settings)
