"""The package: whole in itself, and held against an org field by field."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from crocevia.cli import main
from crocevia_salesforce import Salesforce
from crocevia_salesforce.package import FOLDER, fields
from crocevia_salesforce.simulator import Options, Simulator, running_simulator

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


def permitted() -> set[str]:
    """The fields of the permission set."""
    path = next(FOLDER.rglob("*.permissionset-meta.xml"))
    return {found.text or "" for found in ET.parse(path).getroot().iter(f"{_NAMESPACE}field")}  # noqa: S314 - our own file


def required() -> set[str]:
    """Fields that must be filled: a permission set may not name them, everybody has them."""
    paths = FOLDER.rglob("objects/*/fields/*.xml")
    return {
        f"{path.parents[1].name}.{path.name.partition('.')[0]}"
        for path in paths
        if "<required>true</required>" in path.read_text()
    }


def test_the_permission_set_names_every_field_but_those_that_everybody_has() -> None:
    """A field without it is hidden from the integration user; a required one in it fails the deployment."""
    every = {field.full_name for field in fields()}

    assert permitted() | required() == every
    assert permitted() & required() == set()


def test_the_layouts_show_every_field_of_our_objects() -> None:
    """And nothing that is not there."""
    for path in FOLDER.rglob("*.layout-meta.xml"):
        name = path.name.partition("-")[0]
        shown = set(re.findall(r"<field>(\w+__c)</field>", path.read_text()))
        assert shown == {field.name for field in fields() if field.object == name}


def test_one_permission_for_each_object(org: Simulator) -> None:
    """Of every object that the package has a field on."""
    path = next(FOLDER.rglob("*.permissionset-meta.xml"))
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    objects = {found.text for found in root.iter(f"{_NAMESPACE}object")}

    assert objects == {field.object for field in fields()}


def ours() -> dict[str, set[str]]:
    """`{object: its fields of the package}`."""
    found: dict[str, set[str]] = {}
    for field in fields():
        found.setdefault(field.object, set()).add(field.name)
    return found


def test_every_metadata_file_is_xml_of_its_own_kind() -> None:
    """The root says what the name of the file says."""
    roots = {"js": "LightningComponentBundle", "field": "CustomField", "object": "CustomObject"}
    for path in FOLDER.rglob("*-meta.xml"):
        kind = path.name.removesuffix("-meta.xml").rpartition(".")[2]
        root = ET.parse(path).getroot().tag  # noqa: S314 - our own file
        assert root.removeprefix(_NAMESPACE) == roots.get(kind, f"{kind[0].upper()}{kind[1:]}").replace(
            "Permissionset", "PermissionSet"
        ), path.name


def test_the_timeline_stands_on_pages_of_customers_and_asks_for_fields_that_are_there() -> None:
    """A record page of each object that customers are kept as, by a relationship that each of them has."""
    [folder] = FOLDER.rglob("lwc/croceviaTimeline")
    meta = ET.parse(folder / "croceviaTimeline.js-meta.xml").getroot()  # noqa: S314 - our own file
    script, page = ((folder / f"croceviaTimeline.{kind}").read_text() for kind in ("js", "html"))
    asked = set(re.findall(r"'-?Interaction__c\.(\w+)'", script))
    pages = {found.text for found in meta.iter(f"{_NAMESPACE}object")}
    shown = set(re.findall(r"\{one\.(\w+)\}", page))
    made = set(re.findall(r"^        (\w+)(?::|,?$)", script[script.index("return {") :], re.MULTILINE))

    assert [found.text for found in meta.iter(f"{_NAMESPACE}target")] == ["lightning__RecordPage"]
    assert meta.findtext(f"{_NAMESPACE}isExposed") == "true"
    assert pages == {"Contact", "Lead", "Account"} == related()
    assert asked <= ours()["Interaction__c"]
    assert set(re.findall(r"value\('(\w+)'\)", script)) <= asked
    assert shown == made


def related() -> set[str]:
    """Objects that have `Interactions__r`."""
    roots = [ET.parse(path).getroot() for path in FOLDER.rglob("Interaction__c/fields/*.xml")]  # noqa: S314 - our own
    return {
        root.findtext(f"{_NAMESPACE}referenceTo") or ""
        for root in roots
        if root.findtext(f"{_NAMESPACE}relationshipName") == "Interactions"
    }


def test_report_types_name_fields_that_are_there(salesforce: Salesforce) -> None:
    """Of the customer by describe, of his interactions by the package."""
    paths = list(FOLDER.rglob("*.reportType-meta.xml"))
    for path in paths:
        root = ET.parse(path).getroot()  # noqa: S314 - our own file
        base = root.findtext(f"{_NAMESPACE}baseObject") or ""
        assert base in related()
        known = {base: set(salesforce.describe(base).fields), f"{base}.Interactions__r": ours()["Interaction__c"]}
        for column in root.iter(f"{_NAMESPACE}columns"):
            field, table = (column.findtext(f"{_NAMESPACE}{name}") or "" for name in ("field", "table"))
            assert field in known[table], (path.name, field)
    assert len(paths) == 2


def test_an_org_with_the_package_is_right(salesforce: Salesforce) -> None:
    """One line an object."""
    found = list(salesforce.compare_package())

    assert {finding.level for finding in found} == {"ok"}
    assert [finding.what.partition(":")[0] for finding in found] == [
        "Account",
        "Contact",
        "Identity__c",
        "Interaction__c",
        "Lead",
    ]


def run(org: Simulator, folder: Path, *arguments: str) -> Result:
    """`crocevia salesforce setup` with settings of one connection."""
    settings = folder / "crocevia.toml"
    settings.write_text(
        f'[connections.crm]\nkind = "salesforce"\ninstance_url = "{org.url}"\n'
        'client_id = "crocevia"\nclient_secret = { env = "SF" }\n'
    )
    return CliRunner().invoke(main, ["--settings", str(settings), "salesforce", "setup", *arguments])


def test_setup_tells_what_an_org_lacks(org: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the step that mends it; nothing is changed."""
    monkeypatch.setitem(os.environ, "SF", "simulated-secret")
    right = run(org, tmp_path)
    org.admin.set_rules({"hidden": ["Interaction__c.Body__c"], "readonly": ["Contact.Crocevia_Key__c"]})
    hidden = run(org, tmp_path, "crm")
    with running_simulator(Options(packages=())) as bare:
        without = run(bare, tmp_path)

    assert right.exit_code == 0, right.output
    assert "sf project deploy start" in right.output
    assert hidden.exit_code == 1
    assert "Interaction__c.Body__c: not there, or hidden" in hidden.output
    assert "Contact.Crocevia_Key__c: may not be edited" in hidden.output
    assert without.exit_code == 1
    assert "Interaction__c: not there" in without.output
    assert org.admin.mutations() == []


def test_setup_wants_to_know_which_org(org: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name is none."""
    monkeypatch.setitem(os.environ, "SF", "simulated-secret")

    assert "name one of the connections to Salesforce: crm" in run(org, tmp_path, "other").output
