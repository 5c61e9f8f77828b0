"""The web chat keeps the contract."""

from crocevia.testing import connector_suite
from crocevia_webchat import WebChat
from tests.plugins.webchat.visitor_peer import VisitorPeer

SETTINGS = {
    "site": "shop.example",
    "secret": "a secret of the shop, of 32 characters",
    "previous_secret": "the secret of before, which is long enough",
    "origins": ["https://www.shop.example"],
}

TestWebChat = connector_suite(WebChat, samples="samples/", settings=SETTINGS, peer=VisitorPeer)
