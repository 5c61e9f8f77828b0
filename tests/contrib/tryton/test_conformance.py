from crocevia.testing import connector_suite
from crocevia_tryton.connector import Tryton

SETTINGS = {"base_url": "http://127.0.0.1:9", "database": "crm", "user": "crocevia", "password": "a long password"}

TestTryton = connector_suite(Tryton, samples="samples", settings=SETTINGS)
