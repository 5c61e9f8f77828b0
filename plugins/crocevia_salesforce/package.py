"""The package that an org is given, and whether an org has it: every field as the source files say, and usable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from attrs import frozen

from crocevia import Finding
from crocevia.errors import SchemaDriftError
from crocevia_salesforce.schemas import Schema, Schemas

FOLDER = Path(__file__).parent / "package"
DEPLOY = "sf project deploy start --source-dir force-app"
_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_TYPES = {
    "Text": "string",
    "LongTextArea": "textarea",
    "Number": "double",
    "Checkbox": "boolean",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "Lookup": "reference",
}
"""Types of metadata as describe calls them. Source: Metadata API guide v60.0, "FieldType"."""
_PERMISSION = "give the integration user the permission set Crocevia"


@frozen(kw_only=True)
class Expected:
    """One field of the package."""

    object: str
    name: str
    type: str
    length: int
    key: bool
    case_sensitive: bool
    values: frozenset[str]
    to: str | None

    @property
    def full_name(self) -> str:
        """Object and field."""
        return f"{self.object}.{self.name}"


def fields() -> Iterator[Expected]:
    """Every field of the package, by object and name."""
    for path in sorted(FOLDER.rglob("objects/*/fields/*.field-meta.xml")):
        xml = ET.parse(path).getroot()  # noqa: S314 - the files that this package ships
        named = {tag: xml.findtext(f"{_NAMESPACE}{tag}") or "" for tag in ("fullName", "type", "length", "referenceTo")}
        entries = xml.findall(f".//{_NAMESPACE}valueSetDefinition/{_NAMESPACE}value/{_NAMESPACE}fullName")
        yield Expected(
            object=path.parents[1].name,
            name=named["fullName"],
            type=_TYPES[named["type"]],
            length=int(named["length"] or 0),
            key=xml.findtext(f"{_NAMESPACE}externalId") == "true",
            case_sensitive=xml.findtext(f"{_NAMESPACE}caseSensitive") == "true",
            values=frozenset(entry.text or "" for entry in entries),
            to=named["referenceTo"] or None,
        )


def compare(schemas: Schemas) -> Iterator[Finding]:
    """One finding an object that is right, or one for each field that is not. One call an object.

    Raises:
        RemoteError: the org cannot be asked.
    """
    by_object: dict[str, list[Expected]] = {}
    for field in fields():
        by_object.setdefault(field.object, []).append(field)
    for name, expected in by_object.items():
        try:
            schema = schemas.fresh(name)
        except SchemaDriftError:
            yield Finding(level="problem", what=name, do=f"not there, or hidden: {DEPLOY}, and {_PERMISSION}")
            continue
        found = [finding for field in expected for finding in _compared(schema, field)]
        yield from found or [Finding(level="ok", what=f"{name}: {len(expected)} fields")]


def _compared(schema: Schema, expected: Expected) -> Iterator[Finding]:
    told = schema.fields.get(expected.name)
    if told is None:
        yield _problem(expected, f"not there, or hidden: {DEPLOY}, and {_PERMISSION}")
        return
    if told["type"] != expected.type:
        yield _problem(expected, f"is {told['type']} there and {expected.type} in the package: deploy it anew")
        return
    if not (told.get("createable") and told.get("updateable")):
        yield _problem(expected, f"may not be edited: {_PERMISSION}")
    if expected.key and not (told.get("externalId") and told.get("unique")):
        yield _problem(expected, "make it External ID and Unique: an upsert could make doubles")
    if expected.key and expected.case_sensitive and not told.get("caseSensitive"):
        yield _problem(expected, "make Unique case-sensitive: two keys may differ in case alone")
    if (told.get("length") or 0) < expected.length:
        do = f"holds {told.get('length') or 0} characters, {expected.length} in the package: longer texts are cut"
        yield Finding(level="warning", what=expected.full_name, do=do)
    if expected.to and expected.to not in (told.get("referenceTo") or ()):
        yield _problem(expected, f"does not lead to {expected.to}: deploy it anew")
    active = {entry["value"] for entry in told.get("picklistValues") or () if entry.get("active", True)}
    if missing := sorted(expected.values - active):
        yield _problem(expected, f"has no value {', '.join(missing)}: add it, or deploy the package anew")


def _problem(field: Expected, do: str) -> Finding:
    return Finding(level="problem", what=field.full_name, do=do)
