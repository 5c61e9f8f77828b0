from crocevia.testing import connector_suite
from crocevia_odoo import Odoo
from tests.contrib.odoo.scripted import connector

SETTINGS = {"base_url": "http://127.0.0.1:9", "database": "crm", "user": "crocevia", "password": "a long password"}

TestOdoo = connector_suite(Odoo, samples="samples", settings=SETTINGS, crm=connector)
