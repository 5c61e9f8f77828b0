"""Tokens: who gets one, who does not, and what it opens."""

from datetime import timedelta

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crocevia_salesforce.simulator import Options, running_simulator
from tests.plugins.salesforce_simulator.conftest import Api

CLIENT = {"client_id": "crocevia", "client_secret": "simulated-secret"}
PERSON = {"username": "integration@crocevia.example", "password": "simulated"}


def ask(url: str, **form: str) -> tuple[int, dict[str, str]]:
    """Ask for a token."""
    answer = requests.post(f"{url}/services/oauth2/token", data=form, timeout=10)
    return answer.status_code, answer.json()


@pytest.mark.behaviour("recorded", "Token replies: keys, no expires_in; refused ones say error and error_description")
def test_password_and_client_credentials(api: Api) -> None:
    """Right ones get a token, wrong ones the two words of OAuth."""
    url = api.sim.url
    status, found = ask(url, grant_type="client_credentials", **CLIENT)
    assert status == 200
    assert sorted(found) == [
        "access_token", "id", "instance_url", "issued_at", "scope", "signature", "token_type",
    ]  # fmt: skip
    assert found["instance_url"] == url
    assert ask(url, grant_type="password", **CLIENT, **PERSON)[0] == 200
    refused = {
        "authentication failure": {"grant_type": "password", **CLIENT, **PERSON, "password": "x"},
        "client identifier invalid": {"grant_type": "client_credentials", **CLIENT, "client_id": "x"},
        "invalid client credentials": {"grant_type": "client_credentials", **CLIENT, "client_secret": "x"},
        "grant type not supported": {"grant_type": "magic", **CLIENT},
    }
    assert {text: ask(url, **form)[1]["error_description"] for text, form in refused.items()} == {t: t for t in refused}


@pytest.mark.behaviour("documented", "Refresh tokens rotate: each is good once")
def test_refresh_tokens_rotate(api: Api) -> None:
    """A refresh token that was used is used up; its successor is good."""
    first = ask(api.sim.url, grant_type="password", **CLIENT, **PERSON)[1]["refresh_token"]
    status, second = ask(api.sim.url, grant_type="refresh_token", refresh_token=first, **CLIENT)
    assert (status, second["refresh_token"] != first) == (200, True)
    again = ask(api.sim.url, grant_type="refresh_token", refresh_token=first, **CLIENT)
    assert again == (400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})


@pytest.mark.behaviour("documented", "JWT assertions: signature, audience, issuer, subject and end are verified")
def test_jwt_assertions() -> None:
    """Only an assertion that is right in everything gets a token."""
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with running_simulator(Options(public_key=public)) as sim:
        end = (sim.org.clock.now() + timedelta(minutes=3)).timestamp()
        claims = {"iss": "crocevia", "sub": PERSON["username"], "aud": "https://login.salesforce.com", "exp": end}

        def outcome(signer: rsa.RSAPrivateKey = key, **changed: object) -> str:
            assertion = jwt.encode({**claims, **changed}, signer, algorithm="RS256")
            grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
            status, found = ask(sim.url, grant_type=grant, assertion=assertion)
            return "good" if status == 200 else found["error_description"]

        assert outcome() == "good"
        assert outcome(aud=sim.url) == "good"
        assert outcome(signer=other) == "invalid assertion"
        assert outcome(aud="https://elsewhere.example") == "audience is invalid"
        assert outcome(iss="somebody") == "client identifier invalid"
        assert outcome(sub="nobody@example.com") == "user hasn't approved this consumer"
        assert outcome(exp=end - 600) == "expired authorization code"
        assert (outcome(exp=str(int(end))), outcome(exp="soon")) == ("good", "expired authorization code")


@pytest.mark.behaviour("documented", "Sessions end by the org's clock; userinfo says whose they are")
def test_a_session_ends_by_the_clock(api: Api) -> None:
    """A token is good for its time, and says whose it is."""
    found = api.call("GET", "/services/oauth2/userinfo").json()
    assert (found["user_id"], found["preferred_username"]) == (api.sim.org.integration_user, PERSON["username"])
    api.sim.admin.advance(timedelta(hours=3))
    assert api.error("GET", "/services/oauth2/userinfo")[:2] == (401, "INVALID_SESSION_ID")
    assert requests.get(f"{api.sim.url}/services/data", timeout=10).json()[-1]["version"] == "66.0"
