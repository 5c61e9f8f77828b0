"""Tills that post: an HMAC or a token, by this secret or the next."""

import hashlib
import hmac

import pytest

from crocevia import Request, Secret
from crocevia.errors import SignatureError
from crocevia.testing import FakeClock
from crocevia_visits import Visits
from tests.plugins.visits.conftest import make

NOW = FakeClock().now()
BODY = b'{"receipt": 1, "date": "20/11/2026"}'


def digest(key: bytes, body: bytes = BODY) -> str:
    """As a till signs."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def comes_in(visits: Visits, proof: str | None, header: str = "x-crocevia-signature") -> bool:
    """Whether it is taken."""
    headers = {} if proof is None else {header: proof}
    try:
        visits.verify(Request(method="POST", url="https://x/hooks/shop", headers=headers, body=BODY), NOW, {})
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("proof", [None, "", "till secret", digest(b"other"), digest(b"till secret", BODY + b" ")])
def test_only_a_till_that_knows_the_secret_is_heard(proof: str | None) -> None:
    """Over the bytes of the body."""
    assert comes_in(make(), digest(b"till secret"))
    assert not comes_in(make(), proof)


def test_a_token_stands_in_the_header_of_the_settings() -> None:
    """For tills that cannot sign."""
    visits = make(proof="token", header="X-Till-Token")
    assert comes_in(visits, "till secret", "x-till-token")
    assert not comes_in(visits, "till secre", "x-till-token")
    assert not comes_in(visits, "till secret")


def test_while_the_secret_changes_both_are_taken() -> None:
    """And no third."""
    visits = make(next_secret=Secret("next"))
    assert [comes_in(visits, digest(key)) for key in (b"till secret", b"next", b"third")] == [True, True, False]


def test_without_a_secret_nothing_is_taken_over_http() -> None:
    """Not even what an empty one would sign."""
    for visits in (make(secret=None), make(secret=Secret("")), make(secret=Secret(""), proof="token")):
        assert not comes_in(visits, digest(b""))
        assert not comes_in(visits, "")
