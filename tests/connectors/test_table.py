"""The README says of each connector what its tests show, and of no other."""

import pytest

from crocevia.plugins import load_plugins
from tests.connectors.table import README, Row, rows, with_table


@pytest.fixture(scope="module")
def found() -> list[Row]:
    """The connectors with a suite."""
    return rows()


def test_the_table_is_what_the_suites_say(found: list[Row]) -> None:
    """`make connectors` writes it; whoever changes a connector or its tier runs that."""
    assert README.read_text() == with_table(README.read_text(), found)


def test_every_connector_has_a_suite(found: list[Row]) -> None:
    """One that is shipped without would be one that nothing is known of."""
    assert [row.kind for row in found] == sorted(load_plugins().connectors)
