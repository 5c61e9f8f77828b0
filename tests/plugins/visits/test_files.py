"""Files of tills: read on, whole rows only, each receipt once, whatever becomes of the file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crocevia import InteractionSeen, RawPage, Unrecognised
from crocevia.errors import RetryableError
from crocevia.testing import FakeClock
from crocevia_visits import Visits, files
from tests.plugins.visits.conftest import HEAD, make, parsed, receipt

Till = Callable[..., Path]


class Reader:
    """Polls as the core does, and keeps what it was told."""

    def __init__(self, folder: Path, pattern: str = "*.csv", **settings: Any) -> None:
        self.clock = FakeClock()
        self.make: Callable[[], Visits] = lambda: make(self.clock, files=folder / pattern, **settings)
        self.cursor: str | None = None
        self.pages: list[RawPage] = []

    def read(self) -> list[str]:
        """The receipts of everything that is new, in order; a page is read by an instance of its own."""
        found: list[str] = []
        for _ in range(100):
            visits: Visits = self.make()
            page = visits.poll(self.cursor)
            self.cursor = page.cursor
            if page.body:
                self.pages.append(page)
                found += [event.key for event in parsed(visits, page.body) if isinstance(event, InteractionSeen)]
            elif not page.more:
                return [key.rpartition("/")[2] for key in found]
        raise AssertionError("it never ends")

    def touch(self, path: Path, age_s: float = 0) -> None:
        """The file was last written so long ago."""
        at = self.clock.now().timestamp() - age_s
        os.utime(path, (at, at))


def append(path: Path, text: str) -> None:
    """The till writes on."""
    with path.open("ab") as file:
        file.write(text.encode())


def test_what_a_till_adds_is_read_from_there_on(till: Till, tmp_path: Path) -> None:
    """Each row once; nothing new is no page."""
    path = till(HEAD + receipt(1) + receipt(2))
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == ["1", "2"]
    assert reader.read() == []
    append(path, receipt(3))
    reader.touch(path)
    assert reader.read() == ["3"]
    assert reader.pages[-1].body == (HEAD + receipt(3)).encode(), "a page is a table of its own"


def test_a_half_written_row_waits_for_its_end(till: Till, tmp_path: Path) -> None:
    """Also where the line's end stands within quotes."""
    path = till(HEAD + receipt(1) + "2;1;Milano;20/11/2026 10")
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == ["1"]
    append(path, ':00;1,00;1;;\n3;1;"Milano\n')
    reader.touch(path)
    assert reader.read() == ["2"]
    append(path, 'Centro";20/11/2026 10:00;1,00;1;;\n')
    reader.touch(path)
    assert reader.read() == ["3"]


def test_a_last_row_without_its_end_is_taken_after_a_while(till: Till, tmp_path: Path) -> None:
    """Some programs write none."""
    path = till(HEAD + receipt(1) + receipt(2).rstrip())
    reader = Reader(tmp_path)
    reader.touch(path, age_s=299)
    assert reader.read() == ["1"]
    reader.touch(path, age_s=301)
    assert reader.read() == ["2"]


def test_headings_that_are_not_whole_yet_are_no_table(till: Till, tmp_path: Path) -> None:
    """The till has just begun."""
    path = till("receipt;ti")
    reader = Reader(tmp_path)
    reader.touch(path, age_s=1000)
    assert reader.read() == []
    append(path, "ll;shop;date;amount;items;loyalty;email\n" + receipt(1))
    assert reader.read() == ["1"]


def test_a_file_that_was_cut_or_replaced_is_read_from_its_beginning(till: Till, tmp_path: Path) -> None:
    """Shorter; as long, with other rows; longer, with other rows."""
    path = till(HEAD + receipt(1) + receipt(2))
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == ["1", "2"]
    for rows, expected in (((3,), ["3"]), ((4,), ["4"]), ((5, 6, 7), ["5", "6", "7"])):
        till(HEAD + "".join(map(receipt, rows)))
        reader.touch(path)
        assert reader.read() == expected


def test_a_file_that_was_renamed_goes_on_under_its_new_name(till: Till, tmp_path: Path) -> None:
    """What was not read yet is not lost, what was read is not read again; a new one begins beside it."""
    path = till(HEAD + receipt(1))
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == ["1"]
    append(path, receipt(2))
    path.rename(tmp_path / "till-old.csv")
    till(HEAD + receipt(3))
    assert sorted(reader.read()) == ["2", "3"]


def test_several_tills_and_a_new_one(till: Till, tmp_path: Path) -> None:
    """By name; each has its own place; what the pattern does not name is not read."""
    for name, number in (("b.csv", 2), ("a.csv", 1), ("c.txt", 9)):
        till(HEAD + receipt(number), name)
    reader = Reader(tmp_path)
    assert reader.read() == ["1", "2"]
    till(HEAD + receipt(4), "0.csv")
    assert reader.read() == ["4"]


def test_a_large_file_comes_in_pages_of_whole_rows(till: Till, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every receipt once, in order, wherever a page ends."""
    monkeypatch.setattr(files, "CHUNK_BYTES", 2000)
    till(HEAD + "".join(receipt(number) for number in range(1, 301)))
    reader = Reader(tmp_path)
    assert reader.read() == [str(number) for number in range(1, 301)]
    assert len(reader.pages) > 5
    assert max(len(page.body) for page in reader.pages) <= 2000 + len(HEAD)


def test_a_quote_that_is_never_closed_loses_its_own_row_alone(till: Till, tmp_path: Path) -> None:
    """The rows behind it are read as soon as it is plain that they are rows."""
    path = till(HEAD + '1;1;"Milano;20/11/2026 10:00;1,00;1;;\n' + "".join(map(receipt, range(2, 12))))
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == []
    append(path, "".join(map(receipt, range(12, 32))))
    reader.touch(path)
    assert reader.read() == [str(number) for number in range(2, 32)]
    [event] = [event for event in parsed(make(), reader.pages[0].body) if isinstance(event, Unrecognised)]
    assert event.what == "a row with a quote that is never closed"


def test_bytes_of_the_tills_encoding_survive(tmp_path: Path) -> None:
    """A page is as it was written."""
    path = tmp_path / "till.csv"
    path.write_bytes((HEAD + receipt(1).replace("Milano", "Cefalù €")).encode("cp1252"))
    visits = make(files=path, encoding="cp1252")
    [event] = parsed(visits, visits.poll(None).body)
    assert isinstance(event, InteractionSeen)
    assert event.subject == "Visit at Cefalù €, till 1"


def test_a_file_that_cannot_be_read_holds_up_no_other(till: Till, tmp_path: Path) -> None:
    """It is told when nothing else is new; no place is lost."""
    path = till(HEAD + receipt(1), "a.csv")
    reader = Reader(tmp_path)
    reader.touch(path)
    assert reader.read() == ["1"]
    path.unlink()
    path.mkdir()  # reading a folder fails for everybody, root too
    till(HEAD + receipt(2), "b.csv")
    page = reader.make().poll(reader.cursor)
    assert b"\n2;" in page.body
    reader.cursor = page.cursor
    with pytest.raises(RetryableError, match="shop: a file of `files` cannot be read"):
        reader.make().poll(reader.cursor)
    path.rmdir()
    till(HEAD + receipt(1) + receipt(3), "a.csv")
    assert reader.read() == ["3"]


def test_a_path_is_meant_as_it_is_but_for_its_stars(tmp_path: Path) -> None:
    """Also one with brackets, and one without a star."""
    folder = tmp_path / "tills [old]"
    folder.mkdir()
    (folder / "till[1].csv").write_text(HEAD + receipt(1))
    for pattern in ("till[1].csv", "*.csv", "till[[]1].csv", "till1.csv"):
        found = make(files=folder / pattern).poll(None).body
        assert bool(found) is (pattern in ("till[1].csv", "*.csv")), pattern
    assert make(files=tmp_path / "*" / "*.csv").poll(None).body


def test_no_files_are_nothing(tmp_path: Path) -> None:
    """Not there yet, or not asked for."""
    assert make(files=tmp_path / "none" / "*.csv").poll(None) == RawPage(body=b"", cursor="{}")
    assert make().poll(None) == RawPage(body=b"", cursor="{}")


def test_check_looks_at_each_file(till: Till, tmp_path: Path) -> None:
    """Whether it can be read, and has the columns that are needed."""
    till(HEAD, "good.csv")
    till("a;b\n", "wrong.csv")
    (tmp_path / "folder.csv").mkdir()
    found = [(one.level, one.what) for one in make(files=tmp_path / "*.csv").check()]
    assert found == [("problem", "folder.csv"), ("ok", "good.csv"), ("problem", "wrong.csv")]
    assert [one.level for one in make(files=tmp_path / "*.xml").check()] == ["warning"]
    assert [one.level for one in make(secret=None).check()] == ["problem"]
    assert list(make().check()) == []
