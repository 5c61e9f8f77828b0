"""E-mail keeps the contract."""

from crocevia.testing import connector_suite
from crocevia_email import Email
from tests.plugins.email.mail_peer import MailPeer

SETTINGS = {
    "imap_host": "127.0.0.1",
    "imap_security": "none",
    "imap_port": 1,  # nobody listens there
    "username": "info",
    "password": "mailpassword",
    "addresses": ["info@shop.example"],
    "sent_folders": ["Sent"],
    "authserv_id": "mx.shop.example",
    "smtp_host": "127.0.0.1",
    "smtp_security": "none",
    "smtp_port": 1,
}

TestEmail = connector_suite(Email, samples="samples/", settings=SETTINGS, peer=MailPeer)
