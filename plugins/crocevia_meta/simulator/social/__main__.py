"""`python -m crocevia_meta.simulator.social`: a process of its own. It prints its URL when it is ready."""

from __future__ import annotations

import argparse
import os
import sys

from crocevia import Secret
from crocevia_meta.simulator.social.server import serve
from crocevia_meta.simulator.social.settings import SocialSettings


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns 2 when an environment variable is missing."""
    given = _parser().parse_args(arguments)
    missing = [name for name in (given.app_secret_env, given.access_token_env) if not os.environ.get(name)]
    if missing:
        sys.stderr.write(f"set the environment variable {' and '.join(missing)}\n")
        return 2
    settings = SocialSettings(
        app_secret=Secret(os.environ[given.app_secret_env]),
        access_token=Secret(os.environ[given.access_token_env]),
        page_id=given.page_id,
        instagram_id=given.instagram_id,
        webhook=given.webhook,
        seed=given.seed,
        redelivery_rate=given.redelivery_rate,
    )
    serve(settings, given.port, _announce, longest_s=given.longest_s, exit_with_parent=given.exit_with_parent)
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    defaults = SocialSettings(app_secret=Secret(""), access_token=Secret(""))
    parser = argparse.ArgumentParser(prog="python -m crocevia_meta.simulator.social", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: any free one")
    parser.add_argument("--webhook", help="where deliveries go; without it they wait for PUT /admin/webhook")
    parser.add_argument("--app-secret-env", default="META_APP_SECRET", help="variable that holds the app secret")
    parser.add_argument("--access-token-env", default="META_ACCESS_TOKEN", help="variable that holds the token")
    parser.add_argument("--page-id", default=defaults.page_id)
    parser.add_argument("--instagram-id", default=defaults.instagram_id)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--redelivery-rate", type=float, default=0.1)
    parser.add_argument("--longest-s", type=float, default=3600.0, help="it stops by itself then")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when the starting process has ended")
    return parser


if __name__ == "__main__":
    sys.exit(main())
