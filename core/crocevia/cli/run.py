"""`crocevia run`: the daemon."""

from __future__ import annotations

import gc
import signal
import threading

import click

from crocevia.cli.session import Session, pass_session


@click.command()
@pass_session
def run(session: Session) -> None:
    """Run the daemon until SIGTERM or Ctrl-C: webhooks in, CRMs in step, replies out.

    Stops cleanly: what is under way is finished, what was acknowledged is on disk. Exit code 0 then; 1 when the store
    cannot be used; 2 when the settings are wrong, or another daemon runs on the store.
    """
    from crocevia import logs
    from crocevia.daemon import running

    settings = session.settings
    logs.configure(settings.core.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running(settings, session.plugins) as daemon:
        calm_collector()
        click.echo(f"crocevia: {daemon.url}")
        for failure in session.plugins.failures:
            click.echo(f"plugin {failure.plugin}: {failure.message}: {failure.next_step}", err=True)
        while not stop.wait(1.0):
            pass


def calm_collector() -> None:
    """Look for reference cycles less often: what a batch makes has none, and looking is a tenth of its cost.

    The modules and settings that are there at the start live as long as the daemon: they are not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
