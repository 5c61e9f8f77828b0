"""Whose From address is proven."""

from typing import Any

import pytest

from crocevia import InteractionSeen
from tests.plugins.email.conftest import Parse, mail

OURS = "Authentication-Results: mx.shop.example;"
PASS = f"{OURS} dmarc=pass header.from=example.com"

PROVEN: dict[str, tuple[str, ...]] = {
    "dmarc": (PASS,),
    "dmarc without a domain": (f"{OURS} dmarc=pass",),
    "among others, folded, with comments": (
        f'{OURS}\r\n spf=fail (a; b (c)) smtp.mailfrom="x@evil.test";\r\n dmarc=pass (p=NONE) header.from=EXAMPLE.com',
    ),
    "version and case": ("Authentication-Results: MX.shop.example 1; DMARC = PASS header.from=example.com",),
    "no policy, aligned DKIM": (f"{OURS} dmarc=none header.from=example.com; dkim=pass header.d=example.com",),
    "DKIM by identity": (f"{OURS} dkim=pass header.i=@example.com header.s=x",),
    "aligned SPF": (f"{OURS} spf=pass smtp.mailfrom=bounce@example.com",),
    "another server's failure on top": ("Authentication-Results: other.test; dmarc=fail header.from=example.com", PASS),
}

UNPROVEN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "another server's word": ("Authentication-Results: evil.test; dmarc=pass header.from=example.com",),
    "forged below our own": (f"{OURS} dmarc=fail header.from=example.com", PASS),
    "our own says none, forged below": (f"{OURS} none", PASS),
    "dmarc of another domain": (f"{OURS} dmarc=pass header.from=evil.test",),
    "dmarc fails, DKIM passes": (f"{OURS} dmarc=fail header.from=example.com; dkim=pass header.d=example.com",),
    "temporary error": (f"{OURS} dmarc=temperror; dkim=pass header.d=example.com",),
    "DKIM of another domain": (f"{OURS} dkim=pass header.d=evil.test",),
    "DKIM of a lookalike": (f"{OURS} dkim=pass header.d=xexample.com",),
    "DKIM of a subdomain": (f"{OURS} dkim=pass header.d=sub.example.com",),
    "DKIM of a top level": (f"{OURS} dkim=pass header.d=com",),
    "SPF of another domain": (f"{OURS} spf=pass smtp.mailfrom=example.com@evil.test",),
    "in a comment": (f"{OURS} none (dmarc=pass header.from=example.com)",),
    "in quotes": (f'{OURS} x=fail reason="; dmarc=pass header.from=example.com"',),
    "name within a name": ("Authentication-Results: mx.shop.example.evil.test; dmarc=pass header.from=example.com",),
    "two From fields": (PASS, "From: Anna <anna@example.com>", "from: Eve <eve@evil.test>"),
    "two authors": (PASS, "From: Anna <anna@example.com>, Eve <eve@evil.test>"),
    "ARC is not ours": ("ARC-Authentication-Results: i=1; mx.shop.example; dmarc=pass header.from=example.com",),
}


def verified(parse: Parse, fields: tuple[str, ...], **changed: Any) -> bool:
    """What the sender's contact point says."""
    event = parse(mail(*fields), **changed)[0]
    assert isinstance(event, InteractionSeen)
    return event.author.points[0].verified


@pytest.mark.parametrize("name", PROVEN)
def test_our_own_servers_result_proves_the_sender(name: str, parse: Parse) -> None:
    """And no result does where the settings name no server."""
    assert verified(parse, PROVEN[name])
    assert not verified(parse, PROVEN[name], authserv_id=None)


@pytest.mark.parametrize("name", UNPROVEN)
def test_nothing_else_proves_the_sender(name: str, parse: Parse) -> None:
    """What anybody can write into a mail is no proof."""
    assert not verified(parse, UNPROVEN[name])


def test_domains_are_compared_in_one_spelling(parse: Parse) -> None:
    """Unicode in the one place, punycode in the other."""
    domain = "mächine.example".encode("idna").decode()
    event = parse(mail(f"{OURS} dmarc=pass header.from={domain}", sender="jörg@mächine.example"))[0]
    assert isinstance(event, InteractionSeen)
    assert event.author.points[0].verified
