"""Tryton keeps the contract, against a real server."""

import pytest

from crocevia.testing import connector_suite
from crocevia_tryton.connector import Tryton
from tests.peers.tryton_peer import TrytonPeer

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("tryton")]
SETTINGS = {"base_url": "http://127.0.0.1:9", "database": "crm", "user": "crocevia", "password": "a long password"}

TestTryton = connector_suite(Tryton, samples="../contrib/tryton/samples", settings=SETTINGS, peer=TrytonPeer)
