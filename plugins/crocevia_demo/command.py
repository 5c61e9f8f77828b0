"""`crocevia demo`: a day of a small company, on one page."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import requests
from attrs import frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from crocevia_demo import ledgers
from crocevia_demo.company import Company, DemoError
from crocevia_demo.day import Day, Deed, day, quiet
from crocevia_demo.play import Play

_TOLD = {
    "answer": "the shop answers {who}",
    "correct": "the shop corrects the contact of {who}",
    "change number": "{who} changes number",
    "close window": "{who} has not written for a day",
}


@frozen
class Show:
    """Tells on standard error how far the day is."""

    progress: Progress
    task: Any

    def deed(self, deed: Deed) -> None:
        """Another deed."""
        self.progress.update(
            self.task, advance=1, description=_TOLD.get(deed.verb, "{who}: {verb}").format(who=deed.who, verb=deed.verb)
        )

    def tell(self, what: str) -> None:
        """What is waited for."""
        self.progress.update(self.task, description=f"the day is over, waiting: {what}")


@click.command()
@click.option("--headless", is_flag=True, help="Play to the end, check the books, write a report; no page.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides the day.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Where the report goes, as JSON.")
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the simulators write down what they saw, as JSON lines.",
)
@click.option("--roads", is_flag=True, help="Only the customer who takes every road; nobody else writes.")
@click.option("--kills", type=click.IntRange(0, 50), default=0, show_default=True, help="Kill -9 the daemon so often.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the daemon; any free one by default.")
@click.option("--no-browser", is_flag=True, help="Print the page's address only.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Keep settings, store and logs here."
)
def demo(  # noqa: PLR0913 - an option each
    *,
    headless: bool,
    seed: int,
    report: Path | None,
    ledger: Path | None,
    roads: bool,
    kills: int,
    port: int,
    no_browser: bool,
    folder: Path | None,
) -> None:
    """Play a day of a small company: customers, a simulated WhatsApp, a simulated Salesforce, and the daemon between.

    Prints the address of one page and stays until Ctrl-C. Exit code 1 when the books do not balance or a check against
    the simulators' ledgers fails.
    """
    signal.signal(signal.SIGTERM, _interrupted)
    played = quiet(seed) if roads else day(seed)
    failing = [customer.address for customer in played.cast.customers if customer.fails]
    try:
        with _folder(folder) as place:
            written = _ledger(ledger or place / "ledger")
            with Company(place.absolute(), written.absolute(), seed, port, failing) as company:
                found = _play(company, played, kills)
                if report is not None:
                    report.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
                _summary(found)
                if not headless:
                    _stay(company, no_browser=no_browser)
    except (DemoError, requests.RequestException) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        raise click.exceptions.Exit(130) from None
    if not found["passed"]:
        raise click.exceptions.Exit(1)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """A folder for settings, store and logs: the given one, empty, or one that is gone at the end."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        if any((given / name).exists() for name in ("crocevia.toml", "crocevia.db")):
            raise click.UsageError(f"{given} holds a crocevia.toml or a store already: name another folder")
        yield given
        return
    made = Path(tempfile.mkdtemp(prefix="crocevia-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _ledger(folder: Path) -> Path:
    """The ledgers' folder, which must not hold those of another day."""
    folder.mkdir(parents=True, exist_ok=True)
    if left := [name for name in ledgers.FILES if (folder / name).exists()]:
        raise click.UsageError(f"{folder} holds the ledgers of another day ({', '.join(left)}): name another folder")
    return folder


def _play(company: Company, played: Day, kills: int) -> dict[str, Any]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        show = Show(progress, progress.add_task("the shop opens", total=len(played.deeds)))
        return Play(company, played, show.tell, show.deed, kills).run()


def _summary(found: dict[str, Any]) -> None:
    for check in found["checks"]:
        click.echo(f"{'ok    ' if check['passed'] else 'FAILED'}  {check['name']}", err=True)
        for wrong in check["wrong"][:20]:
            click.echo(f"          {wrong}", err=True)
    replies = {became: len(ids) for became, ids in found["replies"].items()}
    click.echo(
        f"seed {found['seed']}: {found['profiles']} customers, {found['interactions']} interactions, "
        f"{replies['sent']} replies sent, {replies['refused']} refused, {replies['unknown']} unknown; "
        f"{found['kills']} kills, {found['seconds']['whole']} s",
        err=True,
    )


def _stay(company: Company, *, no_browser: bool) -> None:
    """Until Ctrl-C, or until the daemon does not stay up."""
    url = company.daemon.url + "/"
    click.echo(url)
    sys.stdout.flush()
    if not no_browser:
        webbrowser.open(url)
    while not threading.Event().wait(0.5):
        if company.hopeless:
            raise DemoError(company.hopeless)
