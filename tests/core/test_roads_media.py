"""The files of an interaction: told of by reference, fetched when somebody wants them, for as long as they are kept."""

import base64
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crocevia import ContactPoint, InteractionSeen, Party
from crocevia.config.options import Options
from crocevia.connector import HoldsMedia
from crocevia.errors import GoneError, RefusedError, RejectedError
from crocevia.model import Attachment, ConsentReported, MediaSource
from crocevia.store import interactions, open_store
from crocevia.store.interactions import InteractionRow
from crocevia.store.tables import interactions as interaction_table
from crocevia.store.tables import profiles
from crocevia.sync import media
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted
from tests.core.test_cli_operations import forget_the_plugin, run
from tests.core.test_web_pages import reading

__all__ = ["forget_the_plugin"]
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
BYTES = b"the bytes of a photo"
SHA = hashlib.sha256(BYTES).hexdigest()
PHOTO = Attachment(kind="image", key="m1", mime_type="image/jpeg", name="../photo of Ada?.jpg", sha256=SHA)
PLACE = Attachment(kind="location", detail="45.07,7.68")
INNER = Attachment(kind="document", url="https://127.0.0.1/bill.pdf")


class Keeper(Script, HoldsMedia):
    """Keeps files for thirty days."""

    kind = "keeper"
    media_lifetime = timedelta(days=30)
    asked: ClassVar[list[str | None]] = []

    def media(self, attachment: Attachment) -> MediaSource:
        """What it has without a URL."""
        self.asked.append(attachment.key)
        return MediaSource(content=BYTES) if attachment.key else MediaSource(url=attachment.url or "")


def seen(crossroads: Crossroads, road: str, *files: Attachment) -> InteractionRow:
    """A message with these files has come."""
    at = crossroads.clock.now()
    author = Party([ContactPoint("phone", "", "+393331234567")])
    event = InteractionSeen(key="m", author=author, at=at, attachments=files)
    crossroads.post(scripted(event), connection=road)
    crossroads.turn(road)
    with crossroads.store.reading() as connection:
        [id_] = [row["id"] for row in crossroads.rows(interaction_table)]
        return interactions.load(connection, [id_])[id_]


@pytest.fixture
def roads(crossroads: Crossroads) -> Crossroads:
    """A road that keeps its files, and one whose files have URLs."""
    Keeper.asked.clear()
    crossroads.more["keeper"] = lambda: Keeper(ScriptSettings(), connection="keeper")
    crossroads.more["plain"] = lambda: Script(ScriptSettings(), connection="plain")
    return crossroads


@SQLITE
def test_a_file_is_fetched_from_who_keeps_it_and_held_to_its_hash(roads: Crossroads) -> None:
    """Its bytes go where they are wanted, and nowhere else."""
    row = seen(roads, "keeper", PLACE, PHOTO)
    into = io.BytesIO()
    file, came, intact = media.fetch(roads.world, row, 2, into)
    assert (into.getvalue(), file.number, file.attachment) == (BYTES, 2, PHOTO)
    assert (came.size_bytes, came.sha256, intact) == (len(BYTES), SHA, True)
    assert Keeper.asked == ["m1"]


@SQLITE
def test_after_its_time_a_file_is_gone_and_nobody_is_asked(roads: Crossroads) -> None:
    """The vendor has said how long it keeps one."""
    row = seen(roads, "keeper", PHOTO)
    roads.clock.advance(timedelta(days=30))
    [file] = media.files(roads.world, row)
    assert (file.gone, file.until) == (False, roads.clock.now())
    assert file.note == f"kept until {roads.clock.now():%Y-%m-%d}"
    roads.clock.advance(timedelta(seconds=1))
    with pytest.raises(GoneError, match="keeper: the vendor keeps a file for 30 days: it is gone"):
        media.fetch(roads.world, row, 1, io.BytesIO())
    assert Keeper.asked == []


@SQLITE
@pytest.mark.parametrize(
    ("road", "number", "error", "said"),
    [
        ("plain", 1, RejectedError, "network of our own"),
        ("keeper", 1, RejectedError, "network of our own"),
        ("plain", 2, RefusedError, "this is not a file that could be fetched, it is a location: 45.07,7.68"),
        ("plain", 3, RefusedError, "has 2 files: there is no number 3"),
        ("plain", 0, RefusedError, "there is no number 0"),
    ],
)
def test_what_cannot_be_fetched_says_why(
    roads: Crossroads, road: str, number: int, error: type[Exception], said: str
) -> None:
    """A URL within our network is refused whoever names it."""
    row = seen(roads, road, INNER, PLACE)
    with pytest.raises(error, match=said):
        media.fetch(roads.world, row, number, io.BytesIO())


@SQLITE
def test_the_settings_say_how_large_a_file_may_be(roads: Crossroads) -> None:
    """In megabytes."""
    roads.options["keeper"] = Options(media_mb=len(BYTES) / 2 / 1024 / 1024)
    row = seen(roads, "keeper", PHOTO)
    with pytest.raises(RejectedError, match="larger than 10 bytes"):
        media.fetch(roads.world, row, 1, io.BytesIO())


@SQLITE
def test_a_connection_that_is_gone_from_the_settings_cannot_be_asked(roads: Crossroads) -> None:
    """The file is still told of."""
    row = seen(roads, "keeper", PHOTO)
    del roads.world.lives["keeper"]
    assert [file.until for file in media.files(roads.world, row)] == [None]
    with pytest.raises(RefusedError, match="the connection keeper is not in the settings"):
        media.fetch(roads.world, row, 1, io.BytesIO())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        ("", None),
        (SHA, True),
        (SHA.upper(), True),
        (base64.b64encode(bytes.fromhex(SHA)).decode(), True),
        (base64.urlsafe_b64encode(bytes.fromhex(SHA)).decode().rstrip("="), True),
        ("0" * 64, False),
        ("no hash", False),
    ],
)
def test_a_hash_is_held_against_what_came_in_whatever_form_it_is(said: str | None, expected: bool | None) -> None:  # noqa: FBT001 - a parameter
    """Hex or base64."""
    assert media.intact(said, SHA) is expected


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (timedelta(days=30), "30 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=5), "5 minutes"),
    ],
)
def test_a_time_is_told_as_a_person_counts_it(kept: timedelta, said: str) -> None:
    """In days, hours or minutes."""
    assert media.said_gone(kept) == f"the vendor keeps a file for {said}: it is gone"


@SQLITE
def test_a_customers_page_says_how_long_a_file_is_kept(roads: Crossroads) -> None:
    """And that it is gone."""
    seen(roads, "keeper", PHOTO)
    [profile] = roads.rows(profiles)
    notes = []
    for days in (0, 31):
        roads.clock.advance(timedelta(days=days))
        with reading(roads) as reader:
            page = reader.text(f"/customers/{profile['uid']}")
        notes.append(("kept until 2026-02-04" in page, "the vendor keeps a file for 30 days: it is gone" in page))
    assert notes == [(True, False), (False, True)]


# --- the command

PLUGIN = """
from crocevia import hookimpl
from tests.core.test_roads_media import Keeper

@hookimpl
def crocevia_register_connectors():
    return [Keeper]
"""
SETTINGS = """
[connections.keeper]
kind = "keeper"
"""


@pytest.fixture
def folder(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A store in which a message came so long ago; `crocevia` in its folder."""
    (tmp_path / "crocevia_plugin.py").write_text(PLUGIN)
    (tmp_path / "crocevia.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated_sqlite, tmp_path / "crocevia.db")

    def came(**ago: float) -> str:
        store = open_store(f"sqlite:///{tmp_path}/crocevia.db")
        clock = FakeClock()
        found = Crossroads(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))
        found.more["keeper"] = lambda: Keeper(ScriptSettings(), connection="keeper")
        from crocevia.clock import SYSTEM_CLOCK  # noqa: PLC0415 - the command's own

        clock.advance(SYSTEM_CLOCK.now() - timedelta(**ago) - clock.now())
        row = seen(found, "keeper", PHOTO, INNER)
        who = Party([ContactPoint("phone", "", "+393331234567")])
        at, how = clock.now(), "List-Unsubscribe"
        told = ConsentReported(key="c", party=who, at=at, granted=False, purpose="marketing", evidence=how)
        found.post(scripted(told), connection="keeper")
        found.turn("keeper")
        store.close()
        return row.uid

    return came


def said(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `crocevia media`."""
    result = run(folder, "media", *arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_command_lists_and_fetches(folder: Callable[..., str], tmp_path: Path) -> None:
    """Under a plain name in this folder; never over what is there."""
    uid = folder(days=1)
    code, out, _ = said(tmp_path, uid)
    assert code == 0
    assert "1  image  ../photo of Ada?.jpg  image/jpeg  kept until" in out
    code, out, _ = said(tmp_path, uid, "1", "--json")
    told = json.loads(out)
    assert (code, told["written"], told["intact"]) == (0, "photo_of_Ada_.jpg", True)
    assert (tmp_path / "photo_of_Ada_.jpg").read_bytes() == BYTES


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["2", "-o", "bill.pdf"], "network of our own"),
        (["1", "-o", "crocevia.toml"], "is there already: name another file with --output"),
        (["3", "-o", "bill.pdf"], "has 2 files: there is no number 3"),
    ],
)
def test_a_file_that_is_not_given_leaves_nothing_behind(
    folder: Callable[..., str], tmp_path: Path, arguments: list[str], error: str
) -> None:
    """Nor is anything written over."""
    uid = folder(days=1)
    code, _, err = said(tmp_path, uid, *arguments)
    assert (code, error in err) == (1, True)
    assert not (tmp_path / "bill.pdf").exists()
    assert (tmp_path / "crocevia.toml").read_text() == SETTINGS


def test_a_customer_is_shown_with_what_he_wants_and_his_files(folder: Callable[..., str], tmp_path: Path) -> None:
    """What he said, where and how; how his files are seen."""
    uid = folder(days=1)
    result = run(tmp_path, "show", "+393331234567")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "phone||+393331234567 marketing withdrawn on keeper since" in said
    assert "(List-Unsubscribe)" in said
    [customer] = json.loads(run(tmp_path, "show", "+393331234567", "--json").stdout)
    assert [(one["purpose"], one["state"], one["source"]) for one in customer["consents"]] == [
        ("marketing", "withdrawn", "channel")
    ]
    assert [(one["id"], one["files"]) for one in customer["timeline"]] == [(uid, 2)]


def test_the_command_says_that_a_file_is_gone(folder: Callable[..., str], tmp_path: Path) -> None:
    """Both when it lists and when it should fetch."""
    uid = folder(days=31)
    code, out, _ = said(tmp_path, uid)
    assert (code, "the vendor keeps a file for 30 days: it is gone" in out) == (0, True)
    code, _, err = said(tmp_path, uid, "1", "-o", "x.jpg")
    assert (code, "the vendor keeps a file for 30 days: it is gone" in err) == (1, True)
    code, _, err = said(tmp_path, "inothing")
    assert (code, "there is no interaction inothing" in err) == (1, True)
