from crocevia.testing import connector_suite
from crocevia_salesforce import Salesforce
from tests.plugins.salesforce.org_peer import OrgPeer
from tests.plugins.salesforce.org_records import standing_connector

SETTINGS = {"instance_url": "http://127.0.0.1:9", "client_id": "crocevia", "client_secret": "a long secret"}

TestSalesforce = connector_suite(Salesforce, samples="samples", settings=SETTINGS, crm=standing_connector, peer=OrgPeer)
