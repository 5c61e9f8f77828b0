"""The conformance suite: what every connector must do, as a test class made for one connector."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crocevia.connector import Connector, ReadsRecords, ReceivesWebhooks, SendsMessages, WritesRecords
from crocevia.testing.suite.batch import Batches
from crocevia.testing.suite.decision import FAILURES, Decisions
from crocevia.testing.suite.lens_laws import LensLaws, lenses
from crocevia.testing.suite.oddity import BROKEN, OTHER_SHAPES, Oddities
from crocevia.testing.suite.purity import Purity
from crocevia.testing.suite.signature import HOSTILE, Signatures
from crocevia.testing.suite.subject import Leaves, Sign, Subject, settings_from
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
        ):
            if name in metafunc.fixturenames:
                found: Mapping[str, Any] = values()
                if needed and not issubclass(self.subject.connector_class, needed):
                    skip = pytest.mark.skip(reason=f"the connector is no {needed.__name__}")
                    found = {"does not apply": pytest.param(None, marks=skip)}
                metafunc.parametrize(name, list(found.values()), ids=list(found))


def connector_suite(
    connector: type[Connector[Any]],
    *,
    samples: str | Path,
    settings: Mapping[str, Any] | Any = None,
    sign: Sign | None = None,
    leaves: Leaves | None = None,
    crm: Callable[[], Connector[Any]] | None = None,
    keys: Mapping[str, bytes] | None = None,
    region: str | None = None,
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

    Raises:
        ConfigError: the settings are not what the settings class wants.
    """
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
    )
    namespace = {
        "subject": subject,
        "__module__": caller.f_globals["__name__"],
        "__doc__": f"{connector.kind}, bronze.",
    }
    return type(f"Test{connector.__name__}", (BronzeSuite,), namespace)
