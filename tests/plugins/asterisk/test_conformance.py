"""Asterisk keeps the contract."""

from crocevia.testing import connector_suite
from crocevia_asterisk import Asterisk
from tests.plugins.asterisk.exchange_peer import ExchangePeer

SETTINGS = {"user": "crocevia", "secret": "s3cret", "port": 1, "agent": "PJSIP/201", "trunks": ["PJSIP/trunk-*"]}

TestAsterisk = connector_suite(Asterisk, samples="samples/", settings=SETTINGS, region="IT", peer=ExchangePeer)
