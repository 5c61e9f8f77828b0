"""Signatures of webhooks: published vectors pass, everything else is a SignatureError."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crocevia import Request, Secret, errors, signatures

_SECRET = Secret("It's a Secret to Everybody")
# Source: GitHub Docs, "Validating webhook deliveries", 2026-10: secret, body and signature are the page's own.
_GITHUB = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def _request(body: bytes = b"Hello, World!", **headers: str) -> Request:
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method="POST", url="https://crocevia.example/hooks/x", headers=given_headers, body=body)


def _vectors(corpus: Path, algorithm: str) -> list[dict[str, Any]]:
    found = json.loads((corpus / "payloads" / "_signatures" / "vectors.json").read_text())
    return [vector for vector in found if vector["algorithm"] == algorithm]


def test_a_published_signature_is_accepted() -> None:
    """GitHub's own example."""
    signatures.hmac_sha256(_request(x_hub=_GITHUB), header="X-Hub", secret=_SECRET, prefix="sha256=")


def test_hex_signatures_of_the_corpus_are_accepted(corpus: Path) -> None:
    """Vendors' own vectors of a hex HMAC-SHA256 over the raw body."""
    vectors = _vectors(corpus, "hex(HMAC-SHA256(auth token, raw body))")
    assert vectors
    for vector in vectors:
        given_input = vector["input"]
        secret = next(value for name, value in given_input.items() if name != "body")
        request = _request(given_input["body"].encode(), x_sig=vector["expected"])
        signatures.hmac_sha256(request, header="X-Sig", secret=Secret(secret))
        with pytest.raises(errors.SignatureError):
            signatures.hmac_sha256(request, header="X-Sig", secret=Secret(f"{secret}x"))


def test_sha1_where_a_vendor_has_nothing_better() -> None:
    """Named, never assumed."""
    digest = hmac.new(b"k", b"body", hashlib.sha1).hexdigest()
    request = _request(b"body", x_sig=f"sha1={digest}")
    signatures.hmac_digest(request, header="X-Sig", secret=Secret("k"), prefix="sha1=", algorithm="sha1")
    with pytest.raises(errors.SignatureError):
        signatures.hmac_sha256(request, header="X-Sig", secret=Secret("k"), prefix="sha1=")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        _GITHUB[:-1],
        _GITHUB + "0",
        _GITHUB.removeprefix("sha256="),
        _GITHUB.replace("sha256=", "sha1="),
        _GITHUB.upper(),
        _GITHUB[:-1] + "é",
        _GITHUB[:-1] + "\uff17",
        _GITHUB[:-1] + "\udcff",
        _GITHUB + "\x00",
        f"{_GITHUB}, {_GITHUB}",
        base64.b64encode(bytes.fromhex(_GITHUB[7:])).decode(),
    ],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    """With the one error that becomes a 401."""
    request = _request() if header is None else _request(x_hub=header)
    with pytest.raises(errors.SignatureError) as caught:
        signatures.hmac_sha256(request, header="X-Hub", secret=_SECRET, prefix="sha256=")
    assert _GITHUB[7:] not in str(caught.value)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(header=st.text(), body=st.binary())
def test_nothing_else_is_raised_whatever_arrives(header: str, body: bytes) -> None:
    """Nobody turns a forged request into a 500."""
    for check in (signatures.hmac_sha256, signatures.token):
        with pytest.raises(errors.SignatureError):
            check(_request(body, x_sig=header), header="X-Sig", secret=_SECRET)


def test_a_token_header_is_the_secret_itself() -> None:
    """Equal, or refused; an empty header is no secret."""
    signatures.token(_request(x_token="tök3n"), header="X-Token", secret=Secret("tök3n"))
    for request in (_request(), _request(x_token=""), _request(x_token="tök3N"), _request(x_token="\udcff")):
        with pytest.raises(errors.SignatureError):
            signatures.token(request, header="X-Token", secret=Secret("tök3n"))


def test_an_empty_secret_lets_nobody_in() -> None:
    """A secret that was forgotten is not one that everybody knows."""
    empty = Secret("")
    digest = hmac.new(b"", b"body", hashlib.sha256).hexdigest()
    with pytest.raises(errors.SignatureError):
        signatures.hmac_sha256(_request(b"body", x_sig=digest), header="X-Sig", secret=empty)
    for request in (_request(), _request(x_token="")):
        with pytest.raises(errors.SignatureError):
            signatures.token(request, header="X-Token", secret=empty)
    assert signatures.same_text("", empty) is False


def test_a_text_is_compared_with_a_secret() -> None:
    """A parameter that is not there is never the secret."""
    assert signatures.same_text("s", Secret("s")) is True
    assert signatures.same_text("t", Secret("s")) is False
    assert signatures.same_text(None, Secret("s")) is False
    assert signatures.same_text("\ud800", Secret("s")) is False


def test_a_secret_never_prints_itself() -> None:
    """Not alone, not in something else, not formatted."""
    secret = Secret("s3cret")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}", f"{secret:>10}", "%s" % secret):  # noqa: UP031 -- one more way to print
        assert "s3cret" not in shown
    assert secret.reveal() == "s3cret"
    assert secret == Secret("s3cret")
    assert secret != Secret("other")
    assert secret != "s3cret"
    assert len({secret, Secret("s3cret")}) == 1
    assert not Secret("")
    with pytest.raises(TypeError):
        json.dumps(secret)
