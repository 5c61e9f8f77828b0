"""Odoo keeps the contract, against a real server."""

import pytest

from crocevia.testing import connector_suite
from crocevia_odoo import Odoo
from tests.peers.odoo_peer import OdooPeer

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("odoo")]
SETTINGS = {"base_url": "http://127.0.0.1:9", "database": "crm", "user": "crocevia", "password": "a long password"}

TestOdoo = connector_suite(Odoo, samples="../contrib/odoo/samples", settings=SETTINGS, peer=OdooPeer)
