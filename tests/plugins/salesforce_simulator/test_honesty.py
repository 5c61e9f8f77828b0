"""The documentation says of each behaviour how it is known, and says the truth about the tests."""

import os
from collections import Counter

from tests.plugins.salesforce_simulator.honesty import ORDER, PAGE, behaviours, honesty_table, part, put


def test_the_table_of_behaviours_is_made_of_the_markers() -> None:
    """The table in the documentation is the one that the tests make; CROCEVIA_WRITE_DOCS=1 writes it anew."""
    if os.environ.get("CROCEVIA_WRITE_DOCS"):
        PAGE.write_text(put(PAGE.read_text("utf-8"), "honesty", honesty_table()), "utf-8")
    assert part(PAGE.read_text("utf-8"), "honesty") == honesty_table()


def test_every_behaviour_says_how_it_is_known() -> None:
    """Nothing is claimed without evidence of one of the three kinds, and all kinds are there."""
    assert set(Counter(evidence for evidence, _, _ in behaviours())) == set(ORDER)
