"""A real mail house on loopback: Dovecot keeps the mailboxes, Postfix takes and delivers."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient  # type: ignore[import-untyped]  # ships none

_PATIENCE_S = 60.0
PASSWORD = "pw"

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
auth_mechanisms = plain login
auth_username_format = %Ln
first_valid_uid = 1
mail_max_userip_connections = 50
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/home/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {sasl}
  }}
}}
"""

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.shop.test
mydestination = shop.test, customers.test
mynetworks = 127.0.0.2/32
local_recipient_maps =
mailbox_transport = lmtp:inet:127.0.0.1:{lmtp}
alias_maps =
disable_dns_lookups = yes
smtp_host_lookup = native
default_transport = error:5.1.2 there is no such domain
transport_maps = inline:{{ vanished@customers.test=vanished: }}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{sasl}
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = inline:{{ rejected@customers.test=reject greylisted@customers.test=defer }}
queue_run_delay = 2s
"""


def problem() -> str | None:
    """Why there can be no mail house here; None when there can."""
    missing = [name for name in ("dovecot", "postfix") if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"there is no {' and no '.join(missing)} (.ci/peers-packages)"
    return None if os.geteuid() == 0 else "Dovecot and Postfix are started as root"


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@define
class MailHouse:
    """Both servers. Everybody at shop.test and customers.test has a mailbox, named as before the @."""

    folder: Path
    ports: dict[str, int]
    _programs: dict[str, subprocess.Popen[bytes]] = field(factory=dict)

    def start(self, name: str) -> None:
        """Start `"dovecot"` or `"postfix"` and wait until it listens."""
        command = ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        if name == "postfix":
            command = ["postfix", "-c", str(self.folder / "postfix"), "start-fg"]
        with (self.folder / f"{name}.out").open("ab") as out:
            self._programs[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, "PATH": _PATH},
                start_new_session=True,
            )
        for port in {"dovecot": ("imap", "imaps", "lmtp", "sasl"), "postfix": ("smtp",)}[name]:
            self._wait_for(name, self.ports[port])

    def _wait_for(self, name: str, port: int) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s and self._programs[name].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        said = "\n".join(path.read_text()[-2000:] for path in self.folder.glob(f"{name}.*") if path.suffix != ".conf")
        raise RuntimeError(f"{name} does not listen: {said}")

    def stop(self, name: str) -> None:
        """Stop one of them and wait until it is gone."""
        program = self._programs.pop(name, None)
        if program is None:
            return
        if name == "postfix":
            self.postfix("stop")  # the master is a process apart from what started it
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def postfix(self, command: str) -> None:
        """Tell Postfix to `"flush"`, to deliver now what waits for a server that was away, or to `"stop"`."""
        told = ["postfix", "-c", str(self.folder / "postfix"), command]
        subprocess.run(told, capture_output=True, env={**os.environ, "PATH": _PATH}, timeout=_PATIENCE_S, check=False)

    def kill(self, name: str) -> None:
        """Kill one of them with all its processes, at once."""
        program = self._programs.pop(name)
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    def post(self, mail: bytes, *, sender: str = "anna@customers.test", to: str = "info@shop.test") -> None:
        """Bring a mail to the door, as another server does."""
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=10) as server:
            server.sendmail(sender, [to], mail)

    @contextmanager
    def mailbox(self, user: str) -> Iterator[IMAPClient]:
        """A person's own mail program."""
        client = IMAPClient("127.0.0.1", self.ports["imap"], ssl=False, timeout=10)
        client.login(user, PASSWORD)
        try:
            yield client
        finally:
            client.logout()

    def mails(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """Everything in a folder."""
        with self.mailbox(user) as client:
            client.select_folder(folder, readonly=True)
            uids = client.search()
            return [said[b"BODY[]"] for _, said in sorted(client.fetch(uids, ["BODY.PEEK[]"]).items())] if uids else []


@contextmanager
def running_mail_house() -> Iterator[MailHouse]:
    """Both servers on ports of their own, in a folder of their own; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="crocevia-mail-"))
    folder.chmod(0o755)  # the servers' own users must get through
    ports = dict(zip(("imap", "imaps", "lmtp", "sasl", "smtp"), _free_ports(5), strict=True))
    _certificate(folder)
    values = {**ports, "folder": folder, "password": PASSWORD}
    for name in ("run", "home", "queue", "data", "postfix"):
        (folder / name).mkdir()
    shutil.chown(folder / "home", "mail", "mail")
    shutil.chown(folder / "data", "postfix")
    (folder / "dovecot.conf").write_text(_DOVECOT.format(**values))
    (folder / "postfix" / "main.cf").write_text(_MAIN.format(**values))
    services = Path("/usr/share/postfix/master.cf.dist").read_text().split("\n")
    kept = [line for line in services if not line.startswith(("#", "smtp      inet"))]
    nobody = folder / "no_such_user"
    nobody.write_text("#!/bin/sh\nexit 67\n")  # sysexits.h: EX_NOUSER
    nobody.chmod(0o755)
    vanished = f"vanished unix - n n - - pipe flags= user=nobody argv={nobody}"
    lines = [
        f"127.0.0.1:{ports['smtp']} inet n - n - - smtpd",
        vanished,
        *(line.replace(" y ", " n ") for line in kept),
    ]
    (folder / "postfix" / "master.cf").write_text("\n".join(lines) + "\n")
    house = MailHouse(folder, ports)
    try:
        house.start("dovecot")
        house.start("postfix")
        yield house
    finally:
        house.stop("postfix")
        house.stop("dovecot")
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _certificate(folder: Path) -> None:
    """A certificate of `localhost` that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
