"""The page of a CRM user, and the administrator's addresses."""

import re

import pytest
import requests

from tests.plugins.salesforce_simulator.conftest import Api

WHATSAPP = {"Channel__c": "whatsapp", "Connection__c": "shop", "Conversation__c": "thread-1"}


@pytest.fixture
def contact(api: Api) -> str:
    """A customer who has written."""
    contact = api.create("Contact", FirstName="Ada", LastName="Rossi", Phone="+39 02 1")
    api.create(
        "Interaction__c",
        Contact__c=contact,
        Direction__c="Inbound",
        Message_Id__c="w1",
        Body__c="<b>ciao</b>",
        **WHATSAPP,
    )
    return contact


def test_contacts_and_their_interactions_are_shown(api: Api, contact: str) -> None:
    """The list leads to the customer, and the customer to what was said; markup of customers is text."""
    listed = requests.get(api.sim.url, timeout=10).text
    assert f'href="/contacts/{contact}">Ada Rossi</a>' in listed
    assert "Ada Rossi" not in requests.get(f"{api.sim.url}/?q=nobody", timeout=10).text
    shown = requests.get(f"{api.sim.url}/contacts/{contact}", timeout=10)
    assert "&lt;b&gt;ciao&lt;/b&gt;" in shown.text
    assert re.search(r"https?://(?!www\.w3)", shown.text) is None  # nothing is fetched from elsewhere
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_an_edit_is_the_crm_users(api: Api, contact: str) -> None:
    """An edit changes what was changed, under the CRM user's name; what is refused is said."""
    form = {"FirstName": "Ada", "LastName": "Rossi", "Phone": "+39 02 2", "Email": ""}
    assert requests.post(f"{api.sim.url}/contacts/{contact}", data=form, timeout=10).status_code == 200
    line = api.sim.admin.mutations()[-1]
    assert (line["op"], line["by"], line["values"]) == ("update", "user", {"Phone": "+39 02 2"})
    (row,) = api.query("SELECT Phone, LastModifiedById FROM Contact")
    assert row == {"Phone": "+39 02 2", "LastModifiedById": api.sim.org.crm_user}
    wrong = requests.post(f"{api.sim.url}/contacts/{contact}", data={**form, "Email": "nope"}, timeout=10)
    assert (wrong.status_code, "invalid email address: nope" in wrong.text) == (400, True)


def test_a_reply_waits_to_be_sent(api: Api, contact: str) -> None:
    """A reply is an outbound interaction in the conversation of the customer's latest message."""
    requests.post(f"{api.sim.url}/contacts/{contact}/reply", data={"text": "Buongiorno!\r\nEccomi."}, timeout=10)
    fields = ", ".join(
        ["Direction__c", "Status__c", "Body__c", "Contact__c", "In_Reply_To__c", "Crocevia_Key__c", *WHATSAPP]
    )
    (reply,) = api.query(f"SELECT {fields} FROM Interaction__c WHERE Direction__c = 'Outbound'")
    expected = {
        "Direction__c": "Outbound",
        "Status__c": "To Send",
        "Body__c": "Buongiorno!\nEccomi.",
        "Contact__c": contact,
    }
    assert reply == {**expected, "In_Reply_To__c": "w1", "Crocevia_Key__c": None, **WHATSAPP}


def test_a_form_of_another_site_is_refused(api: Api, contact: str) -> None:
    """A page elsewhere cannot make the browser write here."""
    headers = {"Origin": "https://elsewhere.example"}
    answer = requests.post(f"{api.sim.url}/contacts/{contact}/reply", data={"text": "x"}, headers=headers, timeout=10)
    assert answer.status_code == 403


def test_the_administrators_addresses(api: Api, contact: str) -> None:
    """Records, clock, faults and ledger can be had over HTTP."""
    base = f"{api.sim.url}/_simulator"
    made = requests.post(f"{base}/records/Contact", json=[{"LastName": "A"}, {"LastName": "B"}], timeout=10).json()[
        "ids"
    ]
    merged = requests.post(f"{base}/records/Contact/{made[0]}/merge", json={"losers": [made[1]]}, timeout=10)
    assert merged.json() == {"moved": []}
    assert requests.get(f"{base}/records/Contact/{made[1]}", timeout=10).json()["MasterRecordId"] == made[0]
    clock = requests.put(f"{base}/clock", json={"at": "2026-01-01T00:00:00Z", "advance_seconds": 5}, timeout=10).json()
    assert clock == {"now": "2026-01-01T00:00:05.000+0000", "stopped": True}
    lines = requests.get(f"{base}/ledger/mutations?after=2", timeout=10).json()
    assert [(line["op"], line["by"]) for line in lines[:3]] == [
        ("create", "user"),
        ("create", "user"),
        ("merge", "user"),
    ]
    assert requests.get(base, timeout=10).json()["mutations"] == len(api.sim.admin.mutations())
    assert requests.get(f"{base}/records/Nothing/x", timeout=10).status_code == 404


SOAP = (
    '<?xml version="1.0"?>'
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com">'
    "<e:Header><u:SessionHeader><u:sessionId>{session}</u:sessionId></u:SessionHeader></e:Header>"
    "<e:Body>{body}</e:Body></e:Envelope>"
)


@pytest.mark.behaviour("documented", "SOAP: login until v64.0, merge, convertLead, undelete")
def test_soap(api: Api, contact: str) -> None:
    """What only SOAP can do is done over SOAP."""
    session = str(api.session.headers["Authorization"]).removeprefix("Bearer ")

    def send(body: str, version: str = "60.0") -> str:
        text = SOAP.format(session=session, body=body)
        return requests.post(f"{api.sim.url}/services/Soap/u/{version}", data=text, timeout=10).text

    loser, lead = api.create("Contact", LastName="B"), api.create("Lead", LastName="L", Company="C")
    request = f"<u:request><u:masterRecord><u:type>Contact</u:type><u:Id>{contact}</u:Id></u:masterRecord>"
    merged = send(f"<u:merge>{request}<u:recordToMergeIds>{loser}</u:recordToMergeIds></u:request></u:merge>")
    assert f"<mergedRecordIds>{loser}</mergedRecordIds><success>true</success>" in merged
    convert = f"<u:leadId>{lead}</u:leadId><u:convertedStatus>Closed - Converted</u:convertedStatus>"
    assert "<success>true</success>" in send(
        f"<u:convertLead><u:leadConverts>{convert}</u:leadConverts></u:convertLead>"
    )
    assert "UNDELETE_FAILED" in send(f"<u:undelete><u:ids>{loser}</u:ids></u:undelete>")
    assert "INVALID_OPERATION" in send("<u:login/>", version="65.0")
    assert "INVALID_LOGIN" in send("<u:login><u:username>x</u:username><u:password>y</u:password></u:login>")
    assert "document type" in send("<!DOCTYPE x><u:login/>")
