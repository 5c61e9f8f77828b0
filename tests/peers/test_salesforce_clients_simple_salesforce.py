"""simple-salesforce's own client, unmodified, through a proxy to the simulated org over TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

from crocevia_salesforce.simulator import Options, Simulator, make_certificate, running_proxy, running_simulator

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    """The key that signs JWT assertions."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def org(
    tmp_path_factory: pytest.TempPathFactory, private_key: rsa.RSAPrivateKey
) -> Iterator[tuple[Simulator, str, Path]]:
    """A simulated org over TLS, the proxy that leads there, and the certificate to trust."""
    tls = make_certificate(tmp_path_factory.mktemp("tls"))
    public = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with (
        running_simulator(Options(public_key=public), tls=tls) as sim,
        running_proxy(urlsplit(sim.url).port or 0) as proxy,
    ):
        yield sim, proxy, tls[0]


@pytest.fixture
def session(org: tuple[Simulator, str, Path]) -> Iterator[requests.Session]:
    """A session that goes through the proxy and trusts the certificate; nothing else about it is special."""
    _, proxy, certificate = org
    with requests.Session() as found:
        found.trust_env = False
        found.proxies = {"https": proxy}
        found.verify = str(certificate)
        yield found


def pem(key: rsa.RSAPrivateKey) -> str:
    """Return a key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


USER: dict[str, Any] = {"username": "integration@crocevia.example"}
APP: dict[str, Any] = {"consumer_key": "crocevia", "consumer_secret": "simulated-secret"}


def test_soap_login_with_password_and_token(session: requests.Session) -> None:
    """The classic login gives a session that can query; a wrong password does not."""
    sf = Salesforce(**USER, password="simulated", security_token="token", session=session)
    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 2
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        Salesforce(**USER, password="wrong", security_token="token", session=session)


def test_oauth_password_login(session: requests.Session) -> None:
    """The password flow of a connected app."""
    sf = Salesforce(**USER, password="simulated", **APP, session=session)
    assert sf.query("SELECT Username FROM User WHERE LastName = 'User'")["records"][0]["Username"] == USER["username"]


def test_client_credentials_login(session: requests.Session) -> None:
    """Client credentials at My Domain; a wrong secret is refused."""
    sf = Salesforce(**APP, domain="acme.my", session=session)
    assert sf.limits()["DailyApiRequests"]["Max"] == 100_000
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        Salesforce(**{**APP, "consumer_secret": "wrong"}, domain="acme.my", session=session)


def test_jwt_login(session: requests.Session, private_key: rsa.RSAPrivateKey) -> None:
    """A JWT assertion is verified: the org's key opens, another one does not."""
    sf = Salesforce(**USER, consumer_key="crocevia", privatekey=pem(private_key), session=session)
    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 2
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        Salesforce(**USER, consumer_key="crocevia", privatekey=pem(other), session=session)


def test_session_id_login(session: requests.Session) -> None:
    """A session had elsewhere is good here."""
    first = Salesforce(**APP, domain="acme.my", session=session)
    sf = Salesforce(session_id=first.session_id, instance_url="https://acme.my.salesforce.com", session=session)
    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 2


@pytest.fixture
def sf(session: requests.Session, org: tuple[Simulator, str, Path]) -> Any:
    """A client of an org without contacts."""
    sim = org[0]
    sim.admin.delete("Contact", *(row["Id"] for row in sim.admin.query("SELECT Id FROM Contact")))
    return Salesforce(**APP, domain="acme.my", session=session)


def test_records(sf: Any) -> None:
    """Create, read, change, upsert, find by key, delete; updated and describe."""
    made = sf.Contact.create({"LastName": "Rossi", "Email": "a@example.com"})
    assert made["success"] is True
    assert sf.Contact.update(made["id"], {"Title": "Dr"}) == 204
    assert sf.Contact.get(made["id"])["Title"] == "Dr"
    assert sf.Contact.upsert("Crocevia_Key__c/k1", {"LastName": "Bianchi"}) == 201
    assert sf.Contact.upsert("Crocevia_Key__c/k1", {"Title": "Ms"}) == 200
    assert sf.Contact.get_by_custom_id("Crocevia_Key__c", "k1")["Title"] == "Ms"
    assert sf.Contact.delete(made["id"]) == 204
    assert {field["name"] for field in sf.Contact.describe()["fields"]} >= {"LastName", "Crocevia_Key__c"}
    with pytest.raises(SalesforceMalformedRequest, match="No such column"):
        sf.Contact.create({"LastName": "A", "Foo": 1})


def test_collections_upsert_and_query_all(sf: Any) -> None:
    """200 rows in one call; all of several pages in order; the recycle bin when asked for."""
    for start in range(0, 2400, 200):
        records = [
            {"attributes": {"type": "Contact"}, "LastName": f"N{n:04d}", "Crocevia_Key__c": f"b{n}"}
            for n in range(start, start + 200)
        ]
        path = "composite/sobjects/Contact/Crocevia_Key__c"
        rows = sf.restful(path, method="PATCH", json={"allOrNone": False, "records": records})
        assert [row["created"] for row in rows] == [True] * 200
    found = sf.query_all("SELECT LastName FROM Contact ORDER BY LastName")
    assert [row["LastName"] for row in found["records"]] == [f"N{n:04d}" for n in range(2400)]
    assert (found["totalSize"], found["done"]) == (2400, True)


def test_bulk2(sf: Any, tmp_path: Path) -> None:
    """Bulk 2.0 upsert, its failures, and a query over pages."""
    rows = [
        {"Crocevia_Key__c": f"c{n}", "LastName": f"N{n}", "Email": "bad" if n == 7 else f"n{n}@example.com"}
        for n in range(500)
    ]
    (result,) = sf.bulk2.Contact.upsert(records=rows, external_id_field="Crocevia_Key__c")
    assert (result["numberRecordsProcessed"], result["numberRecordsFailed"]) == (500, 1)
    failed = sf.bulk2.Contact.get_failed_records(result["job_id"])
    assert "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --" in failed
    pages = list(
        sf.bulk2.Contact.query("SELECT Id, LastName FROM Contact WHERE Crocevia_Key__c LIKE 'c%'", max_records=200)
    )
    lines = [line for page in pages for line in page.splitlines()[1:]]
    assert (len(pages), len(lines)) == (3, 499)


def test_bulk1_search_and_replication(sf: Any) -> None:
    """Bulk API 1 in JSON, SOSL, and what was updated."""
    rows = sf.bulk.Contact.insert([{"LastName": "Searchable"}, {"LastName": "B", "Email": "bad"}])
    assert [row["success"] for row in rows] == [True, False]
    assert rows[1]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    found = sf.bulk.Contact.query("SELECT Id, LastName FROM Contact WHERE LastName = 'Searchable'")
    assert [(record["Id"], record["LastName"]) for record in found] == [(rows[0]["id"], "Searchable")]
    (hit,) = sf.search("FIND {search*} RETURNING Contact(Id)")["searchRecords"]
    assert (hit["Id"], sf.quick_search("Searchable")["searchRecords"][0]["Id"]) == (rows[0]["id"],) * 2
    assert sf.bulk.Contact.delete([{"Id": rows[0]["id"]}])[0]["success"] is True
