"""The conformance suite: what every connector must do, as a test class made for one connector."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crocevia.connector import Connector, Polls, ReadsRecords, ReceivesWebhooks, SendsMessages, WritesRecords
from crocevia.errors import ConfigError
from crocevia.testing.clock import FakeClock
from crocevia.testing.peer import Peer
from crocevia.testing.suite.batch import Batches
from crocevia.testing.suite.decision import FAILURES, Decisions
from crocevia.testing.suite.erasure import Erasure
from crocevia.testing.suite.handshake import Handshakes
from crocevia.testing.suite.ids import Ids
from crocevia.testing.suite.instants import Instants
from crocevia.testing.suite.lens_laws import LensLaws, lenses
from crocevia.testing.suite.media import Media
from crocevia.testing.suite.mishaps import Mishaps
from crocevia.testing.suite.oddity import BROKEN, OTHER_SHAPES, Oddities
from crocevia.testing.suite.outage import Outages
from crocevia.testing.suite.paging import Paging, Restarts
from crocevia.testing.suite.purity import Purity
from crocevia.testing.suite.records import Records
from crocevia.testing.suite.sending import EXCESSES, LIMITS, Sending
from crocevia.testing.suite.signature import HOSTILE, Signatures
from crocevia.testing.suite.subject import Leaves, Sign, Subject, Tier, settings_from
from crocevia.testing.suite.translation import Translation

__all__ = ["connector_suite"]


class BronzeSuite(Translation, Batches, Oddities, Signatures, Purity, Decisions, LensLaws):
    """All tests of the first level; `connector_suite` gives it a subject."""

    subject: ClassVar[Subject]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each sample, hostile value and so on that a test asks for by its parameter."""
        for name, needed, values in (
            ("sample", None, lambda: {sample.name: sample for sample in self.subject.samples}),
            ("shape", None, lambda: OTHER_SHAPES),
            ("broken", None, lambda: {how: how for how in BROKEN}),
            ("hostile", ReceivesWebhooks, lambda: {how: how for how in HOSTILE}),
            ("send_failure", SendsMessages, lambda: {how: how for how in FAILURES}),
            ("write_failure", WritesRecords, lambda: {how: how for how in FAILURES}),
            ("lens", ReadsRecords, lambda: lenses(self.subject)),
            ("limit", SendsMessages, lambda: {limit: limit for limit in LIMITS}),
            ("excess", SendsMessages, lambda: {excess: excess for excess in EXCESSES}),
            ("lost", SendsMessages, lambda: {how: how for how in ("lost answer", "garbled answer")}),
            ("stream", (Polls, ReadsRecords), lambda: {stream or "all": stream for stream in _streams(self.subject)}),
        ):
            if name in metafunc.fixturenames:
                found: Mapping[str, Any] = values()
                if needed and not issubclass(self.subject.connector_class, needed):
                    kinds = needed if isinstance(needed, tuple) else (needed,)
                    reason = f"the connector is no {' or '.join(kind.__name__ for kind in kinds)}"
                    skip = pytest.mark.skip(reason=reason)
                    found = {"does not apply": pytest.param(None, marks=skip)}
                metafunc.parametrize(name, list(found.values()), ids=list(found))


class SilverSuite(BronzeSuite, Handshakes, Sending, Paging, Instants, Ids, Media, Records):
    """And those of the second: sends, reads and the rest, against a peer that is well."""


class GoldSuite(SilverSuite, Outages, Restarts, Mishaps, Erasure):
    """And those of the third: the peer fails in every way, and nothing is lost or doubled."""


_SUITES: Mapping[Tier, type[BronzeSuite]] = {"bronze": BronzeSuite, "silver": SilverSuite, "gold": GoldSuite}


def connector_suite(  # noqa: PLR0913 - one keyword for each thing that an author may give
    connector: type[Connector[Any]],
    *,
    samples: str | Path,
    settings: Mapping[str, Any] | Any = None,
    sign: Sign | None = None,
    leaves: Leaves | None = None,
    crm: Callable[[], Connector[Any]] | None = None,
    keys: Mapping[str, bytes] | None = None,
    region: str | None = None,
    peer: Callable[[Any, FakeClock], Peer] | None = None,
    tier: Tier | None = None,
) -> type[BronzeSuite]:
    """Make the test class of one connector. Assign it to a name that starts with `Test`.

    Tests that do not apply (no webhooks, no records, no JSON...) are skipped and say why.

    Args:
        connector: The class, as its plugin registers it.
        samples: Folder with one recorded raw a file, relative to the calling file. Beside `x.json` lies
            `x.expected.json` (written with CROCEVIA_UPDATE_EXPECTED=1, to be read and kept) and, where `parse`
            reads headers, `x.headers.json`. For connectors that read pages, a subfolder names the stream or object.
        settings: As in `crocevia.toml`, secrets in clear; or an instance of the settings class.
        sign: Makes the headers of a good webhook: `sign(body, settings) -> {name: value}`.
        leaves: Counts the leaves of a raw whose leaves `leaf_paths` cannot name: `leaves(raw) -> JSON pointers`,
            the same as the events carry.
        crm: Makes a connector that can answer `describe`, against a simulator; gives the lens laws the CRM's
            lengths and options.
        keys: The vendor's public keys, as `verify` gets them.
        region: ISO country of numbers without a prefix, as `parse` gets it.
        peer: The vendor's side, for silver and gold: a subclass of `Peer` or `CRMPeer`.
        tier: How far to test; None: gold with a peer, bronze without.

    Raises:
        ConfigError: the settings are not what the settings class wants, or a tier above bronze has no peer.
    """
    aim = tier or ("bronze" if peer is None else "gold")
    if peer is None and aim != "bronze":
        msg = f"{connector.kind}: tier {aim} needs peer=, the vendor's side"
        raise ConfigError(msg)
    caller = sys._getframe(1)  # noqa: SLF001 - `samples` is relative to the file that calls
    subject = Subject(
        connector_class=connector,
        samples_path=Path(caller.f_code.co_filename).parent / samples,
        settings=settings_from(connector.settings_type(), {} if settings is None else settings),
        sign=sign,
        leaves_of=leaves,
        crm=crm,
        keys=keys or {},
        region=region,
        peer=peer,
        tier=aim,
    )
    namespace = {
        "subject": subject,
        "__module__": caller.f_globals["__name__"],
        "__doc__": f"{connector.kind}, {aim}.",
    }
    return type(f"Test{connector.__name__}", (_SUITES[aim],), namespace)


def _streams(subject: Subject) -> list[str]:
    """What is read page by page: each object of a CRM, or the one stream of a channel that is polled."""
    polled = [""] if issubclass(subject.connector_class, Polls) else []
    connector = subject.connector()
    return polled + (
        [mapping.object for mapping in connector.mappings()] if isinstance(connector, ReadsRecords) else []
    )
