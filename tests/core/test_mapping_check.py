"""Every mapped field against what a CRM describes."""

import pytest

from crocevia import FieldSchema, Finding, ObjectSchema
from crocevia.mapping import CODECS, Names, ObjectMapping, Plain, picklist
from crocevia.mapping.check import check_mapping
from crocevia.mapping.lens import LensDirection
from crocevia.mapping.stand_in import with_placeholders

NAMES = Names(given="First", family="Last")


def schema(*fields: FieldSchema) -> ObjectSchema:
    """An object with both names and our key."""
    always = (
        FieldSchema(name="First", type="string", length=40),
        FieldSchema(name="Last", type="string", length=80, required=True),
        FieldSchema(name="Key", type="string", unique=True),
    )
    return ObjectSchema(name="Contact", fields={field.name: field for field in (*always, *fields)})


def loyalty(codec: str = "decimal", direction: LensDirection = "both") -> Plain:
    """A field of the registry."""
    return Plain(name="loyalty", field="Loyalty", codec=CODECS[codec], direction=direction)


def findings(described: ObjectSchema, *lenses: Plain, key: str | None = "Key", writes: bool = True) -> list[Finding]:
    """What is not well with a mapping of the names and these."""
    mapping = ObjectMapping(object="Contact", of="profile", lenses=[NAMES, *lenses], key=key)
    found = check_mapping(mapping, described, {"loyalty": "decimal", "vip": "boolean"}, writes=writes)
    return [finding for finding in found if finding.level != "ok"]


def only(found: list[Finding]) -> tuple[str, str, str]:
    """Level, subject and advice of the one finding."""
    (finding,) = found
    return finding.level, finding.what, finding.do


def test_each_field_of_a_right_mapping_is_told() -> None:
    """With the length at which texts are cut."""
    mapping = ObjectMapping(object="Contact", of="profile", lenses=[NAMES], key="Key")
    assert [(finding.level, finding.what) for finding in check_mapping(mapping, schema(), {})] == [
        ("ok", "Contact.First (texts are cut at 40)"),
        ("ok", "Contact.Last (texts are cut at 80)"),
        ("ok", "Contact.Key"),
    ]


def test_a_field_that_a_crm_may_lack_is_left_out() -> None:
    """Said, and no problem."""
    lens = Plain(name="loyalty", field="Loyalty", codec=CODECS["decimal"], optional=True)

    level, what, do = only(findings(schema(), lens))

    assert (level, what) == ("warning", "Contact.Loyalty")
    assert "loyalty is left out" in do


def test_missing_field_says_what_was_meant() -> None:
    """Near names of the CRM are shown."""
    level, what, do = only(findings(schema(FieldSchema(name="Loyalty__c", type="double")), loyalty()))
    assert (level, what) == ("problem", "Contact.Loyalty")
    assert "did you mean Loyalty__c?" in do


@pytest.mark.parametrize("kind", ["double", "currency", "Numeric", "an unheard-of type"])
def test_fitting_and_unknown_types_are_right(kind: str) -> None:
    """Vendors have types that nobody here knows."""
    assert findings(schema(FieldSchema(name="Loyalty", type=kind)), loyalty()) == []


@pytest.mark.parametrize("kind", ["string", "boolean", "datetime"])
def test_type_that_cannot_hold_the_field_is_a_problem(kind: str) -> None:
    """A decimal in a text field would be refused at the first write."""
    level, _, do = only(findings(schema(FieldSchema(name="Loyalty", type=kind)), loyalty()))
    assert (level, f"it is a {kind}, and loyalty is a decimal" in do) == ("problem", True)


def test_codec_of_its_own_knows_what_it_writes() -> None:
    """A named codec or a picklist says how a value becomes a text."""
    described = schema(FieldSchema(name="Loyalty", type="string"), FieldSchema(name="Vip", type="picklist"))
    vip = Plain(name="vip", field="Vip", codec=picklist({"yes": "Yes"}))
    assert findings(described, loyalty("text"), vip) == []


def test_field_that_cannot_be_written_is_a_problem_unless_nothing_is_written() -> None:
    """The advice names the setting; a field read alone, or a connection that never writes, is right."""
    fixed = schema(FieldSchema(name="Loyalty", type="double", createable=False, updateable=False))
    level, _, do = only(findings(fixed, loyalty()))
    assert (level, 'set direction = "from crm" for loyalty' in do) == ("problem", True)
    assert findings(fixed, loyalty(direction="from crm")) == []
    assert findings(fixed, loyalty(), writes=False) == []


def test_field_written_once_is_a_warning() -> None:
    """It works for new records, and stays as it was for the others."""
    once = schema(FieldSchema(name="Loyalty", type="double", updateable=False))
    assert only(findings(once, loyalty()))[0] == "warning"
    later = schema(FieldSchema(name="Loyalty", type="double", createable=False))
    assert only(findings(later, loyalty()))[0] == "warning"


def test_key_must_be_there_and_unique() -> None:
    """It is what prevents doubles."""
    assert "no such field" in only(findings(schema(), key="Mark"))[2]
    assert "not unique" in only(findings(schema(FieldSchema(name="Mark", type="string")), key="Mark"))[2]
    closed = FieldSchema(name="Mark", type="string", unique=True, updateable=False)
    assert "give the user the right to write it" in only(findings(schema(closed), key="Mark"))[2]


def test_required_field_that_nobody_fills_is_a_problem() -> None:
    """Every create would be refused; constants and fields that the CRM fills itself count."""
    described = schema(
        FieldSchema(name="Branch", type="string", required=True),
        FieldSchema(name="Made", type="datetime", required=True, createable=False),
    )
    assert only(findings(described))[:2] == ("problem", "Contact.Branch")
    assert findings(described, writes=False) == []
    mapping = ObjectMapping(object="Contact", of="profile", lenses=[NAMES], constants={"Branch": "Turin"})
    assert [finding for finding in check_mapping(mapping, described, {}) if finding.level != "ok"] == []


@pytest.mark.parametrize(
    ("described", "value", "says"),
    [
        (FieldSchema(name="Branch", type="string", length=10), "Turin", ""),
        (FieldSchema(name="Branch", type="an unheard-of type"), "Turin", ""),
        (FieldSchema(name="Branch", type="picklist", options=("Turin", "Milan")), "Turin", ""),
        (FieldSchema(name="Branche", type="string"), "Turin", "no such field (did you mean Branche?)"),
        (
            FieldSchema(name="Branch", type="string", createable=False),
            "Turin",
            "it cannot be set when a record is made",
        ),
        (FieldSchema(name="Branch", type="double"), "Turin", "it is a double"),
        (FieldSchema(name="Branch", type="string"), True, "it is a string"),
        (FieldSchema(name="Branch", type="string", length=4), "Turin", "it holds 4 characters"),
        (FieldSchema(name="Branch", type="picklist", options=("Milan",)), "Turin", "it is a list to choose from"),
    ],
)
def test_a_placeholder_that_no_lens_writes_fits_its_field(described: FieldSchema, value: object, says: str) -> None:
    """Else every create would be refused; nothing is asked of a connection that writes nothing."""
    mapping = ObjectMapping(object="Contact", of="profile", lenses=[NAMES])
    mapping = with_placeholders(mapping, {"Branch": value})
    found = [finding for finding in check_mapping(mapping, schema(described), {}) if finding.what[8:14] == "Branch"]
    assert [(finding.level, says in finding.do) for finding in found] == [("problem" if says else "ok", True)]
    quiet = check_mapping(mapping, schema(described), {}, writes=False)
    assert [finding.what for finding in quiet if finding.level != "ok"] == []
