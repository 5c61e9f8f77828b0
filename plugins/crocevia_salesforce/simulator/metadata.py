"""Deploy custom objects and fields from Salesforce source format, the same files that a real org gets.

Source: Metadata API Developer Guide, CustomObject and CustomField, v60.0. What the reader does not know it refuses:
a field that would silently be something else in the simulator would make it lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from crocevia_salesforce.simulator.describe import child_relationship, describe_field, describe_object, picklist
from crocevia_salesforce.simulator.schema import Schema, SObject
from crocevia_salesforce.simulator.standard import system_fields

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Time": "time",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
}
_LENGTHS = {"textarea": 255, "email": 80, "phone": 40, "url": 255, "picklist": 255, "reference": 18}


class MetadataError(ValueError):
    """A metadata file that cannot be deployed here; the message names the file and what is wrong."""


def shipped_package() -> Path:
    """Return the folder of the package that Crocevia installs in an org."""
    return Path(__file__).parent.parent / "package"


def deploy(schema: Schema, package: Path) -> list[str]:
    """Add a package's objects and fields to the schema.

    Args:
        schema: Changed in place.
        package: A folder in source format; every ``objects`` folder below it is read.

    Returns:
        ``Object`` and ``Object.Field`` names that were added, in order.

    Raises:
        MetadataError: A file is not understood, or a field belongs to an object that does not exist.
    """
    folders = sorted(path for path in package.rglob("objects/*") if path.is_dir())
    if not folders:
        raise MetadataError(f"{package}: no objects/ folder in source format")
    deployed = [folder.name for folder in folders if _deploy_object(schema, folder)]
    for folder in folders:
        deployed += [f"{folder.name}.{name}" for name in _deploy_fields(schema, folder)]
    return deployed


def _deploy_object(schema: Schema, folder: Path) -> bool:
    path = folder / f"{folder.name}.object-meta.xml"
    if not path.exists() or not folder.name.endswith("__c"):
        return False
    xml = _read(path)
    name = folder.name
    name_field = xml.find(f"{_NAMESPACE}nameField")
    if name_field is None:
        raise MetadataError(f"{path}: no nameField")
    auto = _text(name_field, "type") == "AutoNumber"
    fields = system_fields(name, owner=True)
    fields.append(
        describe_field(
            "Name",
            "string",
            _text(name_field, "label") or "Name",
            length=80,
            nameField=True,
            idLookup=True,
            autoNumber=auto,
            createable=not auto,
            updateable=not auto,
            defaultedOnCreate=True,
            nillable=False,
            custom=False,
            displayFormat=_text(name_field, "displayFormat"),
        ),
    )
    existing = schema.get(name)
    prefix = existing.key_prefix if existing else _free_prefix(schema)
    label = _text(xml, "label") or name
    schema.add(SObject.of(describe_object(name, prefix, label, _text(xml, "pluralLabel") or label, fields)))
    if _flag(xml, "enableActivities"):
        _allow_activities(schema, name)
    return True


def _allow_activities(schema: Schema, name: str) -> None:
    """Let tasks and events hang on an object's records."""
    for activity in ("Task", "Event"):
        sobject = schema.get(activity)
        if sobject is None:
            continue
        fields = [
            {**entry, "referenceTo": sorted({*entry["referenceTo"], name})} if entry["name"] == "WhatId" else entry
            for entry in sobject.describe["fields"]
        ]
        schema.add(SObject.of({**sobject.describe, "fields": fields}))


def _free_prefix(schema: Schema) -> str:
    taken = {entry.key_prefix for entry in schema.objects.values()}
    return next(prefix for number in range(1296) if (prefix := f"a{number:02d}") not in taken)


def _deploy_fields(schema: Schema, folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("fields/*.field-meta.xml")):
        sobject = schema.get(folder.name)
        if sobject is None:
            raise MetadataError(f"{path}: the object {folder.name} does not exist")
        entry = _field(path, _read(path))
        fields = [old for old in sobject.describe["fields"] if old["name"].lower() != entry["name"].lower()]
        schema.add(SObject.of({**sobject.describe, "fields": [*fields, entry]}))
        if entry["type"] == "reference":
            _relate(schema, entry, sobject.name, path)
        yield entry["name"]


def _relate(schema: Schema, entry: Mapping[str, Any], child: str, path: Path) -> None:
    parent = schema.get(entry["referenceTo"][0])
    if parent is None:
        raise MetadataError(f"{path}: refers to {entry['referenceTo'][0]}, which does not exist")
    name = _text(_read(path), "relationshipName")
    if name:
        others = [old for old in parent.describe["childRelationships"] if old["relationshipName"] != f"{name}__r"]
        relations = [*others, child_relationship(child, entry["name"], f"{name}__r")]
        schema.add(SObject.of({**parent.describe, "childRelationships": relations}))


def _field(path: Path, xml: ET.Element) -> dict[str, Any]:
    name, kind = _text(xml, "fullName"), _text(xml, "type")
    if name is None or kind not in _TYPES:
        raise MetadataError(f"{path}: fields of type {kind} are not simulated")
    type_ = _TYPES[kind]
    given: dict[str, Any] = {
        "externalId": _flag(xml, "externalId"),
        "unique": _flag(xml, "unique"),
        "caseSensitive": _flag(xml, "caseSensitive"),
        "idLookup": _flag(xml, "externalId"),
        "nillable": type_ != "boolean" and not _flag(xml, "required"),
        "precision": int(_text(xml, "precision") or 0),
        "scale": int(_text(xml, "scale") or 0),
        "inlineHelpText": _text(xml, "inlineHelpText"),
    }
    if type_ in {"picklist", "multipicklist"}:
        given |= _picklist(path, xml)
    if type_ == "reference":
        target = _text(xml, "referenceTo")
        given |= {"referenceTo": [target], "relationshipName": name.removesuffix("__c") + "__r"}
    if type_ == "boolean":
        given["defaultValue"] = _text(xml, "defaultValue") == "true"
    length = int(_text(xml, "length") or _LENGTHS.get(type_, 0))
    return describe_field(name, type_, _text(xml, "label") or name, length=length, **given)


def _picklist(path: Path, xml: ET.Element) -> dict[str, Any]:
    value_set = xml.find(f"{_NAMESPACE}valueSet")
    definition = None if value_set is None else value_set.find(f"{_NAMESPACE}valueSetDefinition")
    if value_set is None or definition is None:
        raise MetadataError(f"{path}: a picklist without its own valueSetDefinition is not simulated")
    entries = definition.findall(f"{_NAMESPACE}value")
    default = next((_text(entry, "fullName") for entry in entries if _flag(entry, "default")), None)
    values = [_text(entry, "fullName") or "" for entry in entries]
    return {
        "picklistValues": picklist(values, default),
        "restrictedPicklist": _flag(value_set, "restricted"),
        "defaultedOnCreate": default is not None,
    }


def _read(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()  # noqa: S314  # the integrator's own files, not input from a network
    except ET.ParseError as error:
        raise MetadataError(f"{path}: {error}") from error


def _text(xml: ET.Element, tag: str) -> str | None:
    return xml.findtext(f"{_NAMESPACE}{tag}")


def _flag(xml: ET.Element, tag: str) -> bool:
    return _text(xml, tag) == "true"
