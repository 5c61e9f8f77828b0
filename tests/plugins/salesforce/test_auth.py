"""Logging in: each way, its mistakes, and one renewal for all threads."""

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crocevia import Secret
from crocevia.config import load_settings
from crocevia.errors import AuthError, ConfigError, RetryableError
from crocevia.plugins import load_plugins
from crocevia.testing import FakeClock
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from tests.plugins.salesforce.conftest import Connect

KEY = "as many characters of chance as one wants"


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
    for key, reason in ((Secret("no key"), "not a PEM private RSA key"), (pem(other), "certificate in the app")):
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


def test_twenty_threads_with_a_rotating_token_refresh_once(org: Simulator, connect: Connect, tmp_path: Path) -> None:
    """A second refresh with the same token would end the chain for good; the token that came is on disk before use."""
    first = org.org.sessions.refresh_token(org.org.integration_user)
    vault = {"token_file": str(tmp_path / "token"), "token_key": Secret(KEY)}
    given = {"login": "refresh token", "refresh_token": Secret(first), "client_secret": None, **vault}
    salesforce = connect(**given)
    salesforce.describe("Contact")
    org.admin.expire_sessions()
    before, barrier = logins(org), threading.Barrier(20)

    def describe(_: int) -> int:
        barrier.wait(timeout=10)
        return len(salesforce.describe("Contact").fields)

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(describe, range(20)))

    assert len(counts) == 20
    assert logins(org) - before == 1


def rotating(org: Simulator, connect: Connect, file: Path, **more: Any) -> Callable[[], Salesforce]:
    """Makes connectors of processes that share the settings' first token and the sealed file."""
    first = Secret(org.org.sessions.refresh_token(org.org.integration_user))
    given = {"login": "refresh token", "refresh_token": first, "client_secret": None, "token_key": Secret(KEY)}
    return lambda: connect(**{**given, "token_file": str(file), **more})


def test_a_rotated_token_outlives_the_process_sealed(org: Simulator, connect: Connect, tmp_path: Path) -> None:
    """The next process goes on where the last one was killed; the file is the owner's alone and shows nothing."""
    file, clock = tmp_path / "salesforce.token", FakeClock()
    process = rotating(org, connect, file, clock=clock)
    for _ in range(3):
        process().describe("Contact")
        clock.advance(timedelta(hours=1))
        org.admin.expire_sessions()
    tokens = [row[0] for row in org.org.database.execute("SELECT token FROM sim_sessions")]

    assert logins(org) == 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(tokens) == 1
    assert tokens[0].encode() not in file.read_bytes()


def test_a_process_that_comes_beside_uses_the_token_of_the_other(
    org: Simulator, connect: Connect, tmp_path: Path
) -> None:
    """`crocevia check` beside the daemon neither logs in again nor takes the daemon's refresh token away."""
    process = rotating(org, connect, tmp_path / "token")
    daemon, command = process(), process()
    daemon.describe("Contact")
    command.describe("Contact")
    once = logins(org)
    org.admin.expire_sessions()
    command.describe("Contact")
    daemon.describe("Contact")

    assert (once, logins(org)) == (1, 2)


def test_processes_that_find_the_session_ended_at_once_refresh_once(
    org: Simulator, connect: Connect, tmp_path: Path
) -> None:
    """Each has locks of its own; the file's keeps them apart."""
    process = rotating(org, connect, tmp_path / "token")
    several = [process() for _ in range(6)]
    several[0].describe("Contact")
    org.admin.expire_sessions()
    before, barrier = logins(org), threading.Barrier(6)
    org.admin.fault("slow", "oauth2/token", seconds=0.2)

    def describe(connector: Salesforce) -> int:
        barrier.wait(timeout=10)
        return len(connector.describe("Contact").fields)

    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(describe, several))

    assert len(set(counts)) == 1
    assert logins(org) - before == 1


def test_a_token_that_a_person_grants_anew_is_used(org: Simulator, connect: Connect, tmp_path: Path) -> None:
    """What the file holds descends from the old one, and is overlooked."""
    rotating(org, connect, tmp_path / "token")().describe("Contact")
    org.org.database.execute("DELETE FROM sim_sessions")

    with pytest.raises(AuthError, match="authorise the app anew"):
        rotating(org, connect, tmp_path / "token", refresh_token=Secret("revoked"))().describe("Contact")
    assert rotating(org, connect, tmp_path / "token")().describe("Contact").fields


def test_another_key_and_another_connection_do_not_open_the_file(
    org: Simulator, connect: Connect, tmp_path: Path
) -> None:
    """And nothing is asked of the org: its chain of tokens stays whole."""
    file = tmp_path / "token"
    process = rotating(org, connect, file)
    process().describe("Contact")
    before = logins(org)
    other = rotating(org, connect, file, token_key=Secret("another key of more than 32 characters"))
    torn = file.read_bytes()[:-1]

    with pytest.raises(AuthError, match="does not open with token_key"):
        other().describe("Contact")
    file.write_bytes(torn)
    with pytest.raises(AuthError, match="does not open with token_key"):
        process().describe("Contact")
    assert logins(org) == before


def test_a_disk_that_is_full_costs_no_token(
    org: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token that came is not used before it is kept, and not forgotten either: the next try goes on with it."""
    clock = FakeClock()
    process = rotating(org, connect, tmp_path / "token", clock=clock)
    salesforce = process()
    salesforce.describe("Contact")
    clock.advance(timedelta(hours=1))
    org.admin.expire_sessions()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(AuthError, match="No space left on device"):
            salesforce.describe("Contact")
    assert salesforce.describe("Contact").fields
    assert process().describe("Contact").fields


def test_a_folder_that_cannot_be_written_is_told_before_a_token_is_spent(
    org: Simulator, connect: Connect, tmp_path: Path
) -> None:
    """The refresh token of the settings is still good afterwards."""
    (tmp_path / "file").write_text("")

    with pytest.raises(AuthError, match="cannot be written"):
        rotating(org, connect, tmp_path / "file" / "token")().describe("Contact")
    assert logins(org) == 0


REFUSED_LOGINS = (
    ("invalid_grant", "user hasn't approved this consumer", "pre-authorized"),
    ("invalid_grant", "no client credentials user enabled", "run-as user"),
    ("invalid_grant", "request not supported on this domain", "instance_url"),
    ("invalid_grant", "audience is invalid", "set audience"),
    ("invalid_grant", "invalid assertion", "certificate in the app"),
    ("invalid_grant", "expired authorization code", "clock"),
    ("invalid_grant", "expired access/refresh token", "authorise the app anew"),
    ("invalid_grant", "ip restricted", "IP ranges"),
    ("invalid_grant", "inactive user", "inactive"),
    ("invalid_grant", "authentication failure", "app's policies"),
    ("app_not_found", "External client app is not installed in this org", "no app with this client_id"),
    ("invalid_app_access", "user is not admin approved to access this app", "allow the integration user"),
    ("unsupported_grant_type", "grant type not supported", "switch the flow on"),
    ("invalid_scope", "the requested scope is not allowed", "scopes api"),
)


def test_check_tells_which_setting_of_the_app_is_missing(org: Simulator, salesforce: Salesforce) -> None:
    """By the code, and by the description where the code means many things."""
    told = []
    for code, description, _ in REFUSED_LOGINS:
        org.admin.set_faults([{"kind": "refused", "route": "oauth2/token", "code": code, "message": description}])
        told += list(salesforce.check())

    assert {(finding.level, finding.what) for finding in told} == {("problem", "login by client credentials")}
    for finding, (code, _, step) in zip(told, REFUSED_LOGINS, strict=True):
        assert step in finding.do
        assert code in finding.do


def test_check_warns_of_tokens_that_rotate_and_are_not_kept(org: Simulator, connect: Connect, tmp_path: Path) -> None:
    """After a restart the settings' token would be spent."""
    loose = rotating(org, connect, tmp_path / "token", token_file=None)()
    kept = rotating(org, connect, tmp_path / "token")()

    warned = [finding.what for finding in loose.check() if finding.level == "warning"]

    assert warned == ["refresh_token"]
    assert [finding for finding in kept.check() if finding.level == "warning"] == []


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
        ({"instance_url": "https://acme.my.salesforce.com", "token_file": "t"}, "token_key: expected 32 characters"),
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
