"""What a real Dovecot that dies, a folder numbered anew and a killed listener do to a mailbox: nothing."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.peers.mail_desk import Connect, Ear, connect, desk, house, keys, listen, mail
from tests.peers.mail_house import PASSWORD, MailHouse

__all__ = ["connect", "desk", "house", "listen"]
pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("mail")]


def test_a_dovecot_that_dies_while_we_idle_loses_and_doubles_nothing(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The line breaks, is opened again, and goes on behind the last mail kept."""
    email = connect(look_seconds=30.0)
    ear = listen(email)
    house.post(mail("before"), to=f"{desk}@shop.test")
    ear.mails(1)
    house.kill("dovecot")
    ear.until(lambda: ear.broken)
    house.post(mail("while it is away"), to=f"{desk}@shop.test")  # Postfix keeps it
    house.start("dovecot")
    house.post(mail("after"), to=f"{desk}@shop.test")
    house.postfix("flush")
    assert sorted(keys(email, ear.mails(3))) == ["after", "before", "whileitisaway"]


def test_a_folder_numbered_anew_is_read_again_and_known_by_its_keys(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """Another UIDVALIDITY: all comes again, under the same keys, and nothing is left out."""
    email = connect()
    ear = listen(email)
    house.post(mail("one"), to=f"{desk}@shop.test")
    ear.mails(1)
    ear.end()
    validity = json.loads(ear.cursor or "")["INBOX"][0]
    Ear(email).until(lambda: time.time() > validity + 1)  # Dovecot takes the second for it
    for name in (house.folder / "home" / desk / "Maildir").glob("dovecot*"):
        name.unlink()  # Dovecot numbers anew what it finds
    house.post(mail("two"), to=f"{desk}@shop.test")
    Ear(email).until(lambda: len(house.mails(desk)) == 2)
    again = listen(email, ear.cursor)
    assert sorted(keys(email, again.mails(2))) == ["one", "two"]


def test_a_listener_killed_before_its_page_was_kept_hears_the_page_again(
    house: MailHouse, desk: str, connect: Connect, listen: Callable[..., Ear]
) -> None:
    """The cursor is that of the last page kept; the mail comes again, byte for byte."""
    email = connect(mark_seen=True)
    ear = listen(email)
    ear.end()
    house.post(mail("once"), to=f"{desk}@shop.test")
    stop = threading.Event()
    stream = iter(email.listen(ear.cursor, stop))
    lost = next(page for page in stream if page.body)
    stream.close()  # type: ignore[attr-defined]  # a generator: what was yielded is never kept
    with house.mailbox(desk) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search(["SEEN"]) == []
    again = listen(email, ear.cursor).mails(1)
    assert [page.body for page in again] == [lost.body]


_DAEMON = """
[crocevia]
listen = "127.0.0.1:0"
lease_seconds = 1

[connections.mail]
kind = "email"
imap_host = "localhost"
imap_port = {imaps}
username = "{desk}"
password = "{password}"
addresses = ["{desk}@shop.test"]
ca_file = "{cert}"
"""


def _holds(rows: Callable[[str], list[str]], wanted: int) -> bool:
    return len(rows("SELECT key FROM interactions")) >= wanted


def test_a_daemon_that_is_killed_while_mails_come_logs_each_once(house: MailHouse, desk: str, tmp_path: Path) -> None:
    """By kill -9, in the midst of them; what came before, meanwhile and after is there, and nothing twice."""
    settings = tmp_path / "crocevia.toml"
    settings.write_text(_DAEMON.format(desk=desk, cert=house.folder / "cert.pem", password=PASSWORD, **house.ports))

    def rows(query: str) -> list[str]:
        """The first column of a query; none before the store is made."""
        with contextlib.closing(sqlite3.connect(tmp_path / "crocevia.db")) as connection:
            try:
                return [row[0] for row in connection.execute(query)]
            except sqlite3.OperationalError:
                return []

    wait = Ear(None).until  # type: ignore[arg-type]  # it hears nothing, and waits as they do
    for start, wanted in ((0, 3), (12, 24)):
        command = [sys.executable, "-m", "crocevia", "--settings", str(settings), "run"]
        with (tmp_path / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
            try:
                wait(lambda: rows("SELECT cursor FROM cursors WHERE connection = 'mail'"))
                for number in range(start, start + 12):
                    house.post(mail(f"n{number}"), to=f"{desk}@shop.test")
                wait(partial(_holds, rows, wanted))
            finally:
                daemon.kill()
    assert sorted(rows("SELECT key FROM interactions")) == sorted(f"n{number}@customers.test" for number in range(24))
