"""Silver: files are fetched with our credentials from the vendor alone, and one that is gone is called so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from attrs import evolve

from crocevia.connector import HoldsMedia
from crocevia.errors import GoneError, RemoteError
from crocevia.model import Attachment
from crocevia.testing.suite.peered import Peered, named, refusal
from crocevia.testing.suite.subject import expect

_FOREIGN = "https://elsewhere.example/private"


class Media(Peered):
    """Tests of `media`."""

    def test_a_file_is_had(self) -> None:
        """The source gives the very bytes that the vendor holds."""
        with self.at_peer(HoldsMedia) as (peer, connector):
            self.said(peer, "files")
            files = peer.files()
            expect(files, "the peer holds no file")
            for attachment, held in files:
                source = connector.media(attachment)
                found = source.content
                if found is None:
                    found = connector.http.at("", dict).request("GET", source.url, headers=source.headers).body
                expect(found == held, f"a file ({attachment.kind}) comes with other bytes than the vendor holds")

    def test_no_credential_goes_to_a_foreign_host(self) -> None:
        """An address that a customer chose is fetched as anybody would, or not at all."""
        with self.at_peer(HoldsMedia) as (peer, connector):
            self.said(peer, "files")
            for attachment, _ in peer.files():
                ours = {value for value in (*connector.authorise().values(), *_headers(connector, attachment)) if value}
                for odd in (evolve(attachment, url=_FOREIGN), evolve(attachment, url=_FOREIGN, key=None)):
                    try:
                        source = connector.media(odd)
                    except RemoteError:
                        continue
                    told = " ".join((source.url, *source.headers.values())) if _FOREIGN in source.url else ""
                    secrets = {secret for secret in self.subject.secrets.values() if secret}
                    leaked = any(one in told for one in secrets | ours)
                    expect(not leaked, "a credential of ours would go to a host that is not the vendor's")

    def test_a_file_that_is_gone_is_said_to_be(self) -> None:
        """GoneError: nobody tries for ever."""
        with self.at_peer(HoldsMedia) as (peer, connector):
            self.said(peer, "files", "gone")
            attachment: Any = peer.files()[0][0]
            if attachment.key is None:
                pytest.skip("the vendor's files have URLs, which the core fetches")
            peer.fail_next("gone")
            error = refusal(lambda: connector.media(attachment))
            expect(isinstance(error, GoneError), f"a file that is gone: {named(error)} instead of GoneError")


def _headers(connector: Any, attachment: Attachment) -> Iterable[str]:
    """What the vendor itself is sent for a file of its own."""
    return connector.media(attachment).headers.values()  # type: ignore[no-any-return]  # a MediaSource's
