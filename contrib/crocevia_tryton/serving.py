"""The process of a test server: trytond on a free loopback port, until its standard input closes.

`python -m crocevia_tryton.serving DATABASE`, with `TRYTOND_CONFIG` naming the configuration. The port is printed on
the first line. Its parent holds the other end of standard input, so the server ends with its parent, however that
ends; trytond's own `trytond` command would live on, and cannot tell which port it was given.
"""

import os
import sys
import threading
from functools import partial


def main(database: str) -> None:
    """Serve `database` until standard input closes."""
    # Importing trytond sets the time zone of the whole process to UTC: only this process may do it.
    from trytond.pool import Pool  # noqa: PLC0415 - see above
    from trytond.wsgi import app  # noqa: PLC0415 - see above
    from werkzeug.serving import make_server  # noqa: PLC0415 - comes with trytond

    Pool.start()
    Pool(database).init()
    _look_nothing_up()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _look_nothing_up() -> None:
    """Check the form of e-mail addresses only: Tryton asks the DNS too, which a test cannot rely on."""
    from trytond.modules.party import contact_mechanism  # noqa: PLC0415 - see `main`

    contact_mechanism.validate_email = partial(contact_mechanism.validate_email, check_deliverability=False)


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
