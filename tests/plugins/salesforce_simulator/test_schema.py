"""Ids, metadata and describes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crocevia_salesforce.simulator import Options, running_simulator
from crocevia_salesforce.simulator.describe import describe_field, describe_object
from crocevia_salesforce.simulator.ids import BASE62, checksum, mint, widen
from crocevia_salesforce.simulator.metadata import MetadataError, deploy, shipped_package
from crocevia_salesforce.simulator.schema import Schema
from crocevia_salesforce.simulator.standard import standard_describes
from tests.plugins.salesforce_simulator.conftest import Api


@pytest.mark.behaviour("recorded", "The checksum of 18-character ids")
def test_the_checksum_of_recorded_ids() -> None:
    """Ids of real orgs carry the checksum that is computed here."""
    for recorded in ("0017e00001W4GYRAA3", "0035500001H9kaAAAR", "0065500000KQ12XAAT", "001Da00000xnAkBIAU"):
        assert recorded[:15] + checksum(recorded[:15]) == recorded


@given(id15=st.text(alphabet=BASE62, min_size=15, max_size=15), upper=st.booleans())
def test_an_id_is_found_in_every_form(id15: str, *, upper: bool) -> None:
    """Short, long, and long with its case lost: always the same id."""
    wide = id15 + checksum(id15)
    changed = wide.upper() if upper else wide.lower()
    assert widen(id15) == widen(wide) == widen(changed) == wide


@given(st.integers(min_value=1, max_value=10**12))
def test_minted_ids_ascend(number: int) -> None:
    """A later record has a greater id."""
    assert mint("003", number)[:15] < mint("003", number + 1)[:15]


@pytest.mark.behaviour("documented", "Custom objects and fields from the package metadata that a real org gets")
def test_the_package_is_deployed_as_described(api: Api) -> None:
    """The package's keys are external ids, unique and case-sensitive; its lookups have names both ways."""
    fields = {field["name"]: field for field in api.call("GET", "sobjects/Interaction__c/describe").json()["fields"]}
    key = fields["Crocevia_Key__c"]
    assert (key["externalId"], key["unique"], key["caseSensitive"], key["length"]) == (True, True, True, 64)
    assert (fields["Contact__c"]["referenceTo"], fields["Contact__c"]["relationshipName"]) == (
        ["Contact"],
        "Contact__r",
    )
    children = api.call("GET", "sobjects/Contact/describe").json()["childRelationships"]
    assert ("Interaction__c", "Interactions__r") in [(c["childSObject"], c["relationshipName"]) for c in children]


def test_metadata_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    """A field of an unknown type, or of an object that is not there, is not deployed as something else."""
    schema = Schema(standard_describes())
    folder = tmp_path / "objects" / "Contact" / "fields"
    folder.mkdir(parents=True)
    text = '<CustomField xmlns="http://soap.sforce.com/2006/04/metadata"><fullName>A__c</fullName><type>{}</type></CustomField>'
    (folder / "A__c.field-meta.xml").write_text(text.format("Summary"))
    with pytest.raises(MetadataError, match="fields of type Summary are not simulated"):
        deploy(schema, tmp_path)
    with pytest.raises(MetadataError, match="no objects/ folder"):
        deploy(schema, shipped_package() / "force-app" / "main" / "default" / "layouts")


def test_a_store_gets_the_fields_that_a_newer_package_brings(tmp_path: Path) -> None:
    """An org that was stored before a package was deployed has its fields afterwards, and its old records."""
    store = tmp_path / "org.db"
    with running_simulator(Options(store=store, packages=())) as sim:
        record_id = sim.admin.create("Contact", {"LastName": "Old"})[0]
    with running_simulator(Options(store=store)) as sim:
        sim.admin.update("Contact", record_id, {"Crocevia_Key__c": "k"})
        assert sim.admin.query("SELECT LastName, Crocevia_Key__c FROM Contact")[0]["Crocevia_Key__c"] == "k"


@pytest.mark.behaviour(
    "recorded", "Describe: every key of recorded describes, ETag and Last-Modified, 304 when unchanged"
)
def test_describe_is_not_sent_twice(api: Api) -> None:
    """A client that has a describe already gets 304."""
    first = api.call("GET", "sobjects/Contact/describe")
    for name, given_back in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        answer = api.call("GET", "sobjects/Contact/describe", headers={name: first.headers[given_back]})
        assert (answer.status_code, answer.content) == (304, b"")


def test_an_object_whose_describe_shows_little_works_like_any_other() -> None:
    """An object described without stamps and without a recycle bin is created, found, changed and deleted."""
    text = describe_field("Key__c", "string", "Key", length=20, externalId=True, unique=True)
    thing = describe_object("Thing__c", "aT0", "Thing", "Things", [describe_field("Id", "id", "ID", length=18), text])
    with running_simulator(Options(describes=(thing,))) as sim:
        api = Api.of(sim)
        with api.session:
            found = [api.call("PATCH", "sobjects/Thing__c/Key__c/a", json={}).status_code for _ in range(2)]
            assert found == [201, 200]
            assert api.query("SELECT Key__c FROM Thing__c") == [{"Key__c": "a"}]
            assert api.call("DELETE", "sobjects/Thing__c/Key__c/a").status_code == 204
            assert api.query("SELECT Key__c FROM Thing__c") == []
