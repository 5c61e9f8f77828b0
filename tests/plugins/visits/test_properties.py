"""Whatever a till writes: events or MalformedError; and each receipt once, however its file grows."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from crocevia import InteractionSeen
from crocevia.errors import MalformedError
from tests.plugins.visits.conftest import HEAD, make, parsed

_CELLS = st.sampled_from(
    ["", "1", "20/11/2026", "1,50", "-", "NaN", '"', "reso", "void", "link", "\0", "9" * 40, "€", "a;b", "\n"]
) | st.text(max_size=8)
_TABLES = st.lists(st.lists(_CELLS, max_size=10).map(";".join), max_size=6).map(lambda rows: HEAD + "\n".join(rows))


@settings(max_examples=80, deadline=None)
@given(_TABLES | st.text(max_size=80))
def test_any_table_is_understood_or_said_not_to_be(table: str) -> None:
    """Row by row."""
    with suppress(MalformedError):
        assert parsed(make(), table.encode("utf-8", "replace"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.sampled_from(['"Mi\nlano"', "Milano"]))
def test_a_file_that_grows_anyhow_tells_each_receipt_once(steps: list[int], place: str) -> None:
    """Bytes by bytes, polled in between: the rows, in order, none twice."""
    rows = [f"{number};1;{place};20/11/2026 10:00;1,00;1;;\n" for number in range(1, 12)]
    whole = (HEAD + "".join(rows)).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "till.csv"
        visits = make(files=path, last_line_after_s=1e9)
        cursor, told, written = None, [], 0
        for step in [*steps, len(whole)]:
            with path.open("ab") as file:
                file.write(whole[written : written + step])
            written = min(written + step, len(whole))
            page = visits.poll(cursor)
            cursor = page.cursor
            if page.body:
                told += [event.key for event in parsed(visits, page.body) if isinstance(event, InteractionSeen)]
        assert [key.rpartition("/")[2] for key in told] == [str(number) for number in range(1, 12)]
