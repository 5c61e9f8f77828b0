"""The conformance suite, run on the connectors that Crocevia itself brings for authors."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from crocevia.testing import MemoryChannel, MemoryCRM, connector_suite
from crocevia.testing.memory_channel import sign
from tests.core.suite_peers import LossyMemoryCRMPeer, MemoryChannelPeer, MemoryCRMPeer

_CRM = MemoryCRM()
_LOSSY = MemoryCRM(lossy=True, keyed=False)


def _acme() -> Any:
    """The example of the documentation, letter for letter."""
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()
    code = page.split("<!-- file: crocevia_acme.py -->\n```python\n")[1].split("```")[0]
    peer = page.split("## Silver and gold")[1].split("```python\n")[1].split("\n\n\nTestAcmeChat =")[0]
    module = ModuleType("crocevia_acme")
    for text in (code, peer):
        exec(compile(text, "crocevia_acme.py", "exec"), module.__dict__)  # noqa: S102 -- running them is the test
    return module


def _acme_headers(body: bytes, settings: Any) -> Mapping[str, str]:
    return {"X-Acme-Signature": hmac.new(settings.token.reveal().encode(), body, hashlib.sha256).hexdigest()}


_ACME = _acme()
TestAcmeChat = connector_suite(
    _ACME.AcmeChat,
    samples="suite_samples/acme",
    settings={"token": "s3cret", "workspace": "w1"},
    sign=_acme_headers,
    peer=_ACME.AcmePeer,
)

TestMemoryChannel = connector_suite(
    MemoryChannel().connector_class(),
    samples="suite_samples/memory_channel",
    settings={"secret": "channel s3cret"},
    sign=sign,
    peer=MemoryChannelPeer,
)

TestMemoryCRM = connector_suite(
    _CRM.connector_class(), samples="suite_samples/memory_crm", crm=_CRM.connector, peer=MemoryCRMPeer
)

TestLossyMemoryCRM = connector_suite(
    _LOSSY.connector_class(), samples="suite_samples/memory_crm", crm=_LOSSY.connector, peer=LossyMemoryCRMPeer
)
