"""Whole vendor describes made from the little that matters: for the shipped schema and for deployed metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "location": "urn:location",
}


def describe_field(name: str, type_: str, label: str, *, length: int = 0, **given: Any) -> dict[str, Any]:
    """Return one element of a describe's ``fields``, with every key that the vendor sends.

    Args:
        name: API name.
        type_: Describe type, such as ``string`` or ``reference``.
        label: What people see.
        length: Characters; 0 for types that have none.
        given: Describe keys whose values are not the default ones.
    """
    is_key = type_ in {"id", "reference"}
    long_text = type_ == "textarea" and length > 255  # the vendor's border between short and long text
    compound = type_ in {"address", "location"}
    return {
        "aggregatable": not (compound or long_text or type_ == "boolean"),
        "aiPredictionField": False,
        "autoNumber": False,
        "byteLength": length if is_key else length * 3,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": False,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": not compound,
        "custom": name.endswith("__c"),
        "defaultValue": False if type_ == "boolean" else None,
        "defaultValueFormula": None,
        "defaultedOnCreate": type_ == "boolean",
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": False,
        "extraTypeInfo": "plaintextarea" if type_ == "textarea" else None,
        "filterable": not long_text,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": not (long_text or compound or type_ in {"double", "currency", "percent", "datetime"}),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": False,
        "inlineHelpText": None,
        "label": label,
        "length": length,
        "mask": None,
        "maskType": None,
        "name": name,
        "nameField": False,
        "namePointing": False,
        "nillable": type_ != "boolean",
        "permissionable": True,
        "picklistValues": [],
        "polymorphicForeignKey": False,
        "precision": 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": [],
        "relationshipName": None,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": False,
        "scale": 0,
        "searchPrefilterable": type_ == "reference",
        "soapType": SOAP_TYPES.get(type_, "xsd:string"),
        "sortable": not (long_text or compound),
        "type": type_,
        "unique": False,
        "updateable": not compound,
        "writeRequiresMasterRead": False,
        **given,
    }


def picklist(values: Iterable[str], default: str | None = None) -> list[dict[str, Any]]:
    """Return the ``picklistValues`` of a describe."""
    return [
        {"active": True, "defaultValue": value == default, "label": value, "validFor": None, "value": value}
        for value in values
    ]


def describe_object(
    name: str,
    key_prefix: str,
    label: str,
    plural: str,
    fields: Sequence[Mapping[str, Any]],
    **given: Any,
) -> dict[str, Any]:
    """Return a whole describe, without addresses (they depend on the version asked) and child relationships."""
    custom = name.endswith("__c")
    return {
        "actionOverrides": [],
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "childRelationships": [],
        "compactLayoutable": True,
        "createable": True,
        "custom": custom,
        "customSetting": False,
        "deepCloneable": False,
        "defaultImplementation": None,
        "deletable": True,
        "deprecatedAndHidden": False,
        "extendedBy": None,
        "extendsInterfaces": None,
        "feedEnabled": False,
        "fields": list(fields),
        "hasSubtypes": False,
        "implementedBy": None,
        "implementsInterfaces": None,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": key_prefix,
        "label": label,
        "labelPlural": plural,
        "layoutable": True,
        "listviewable": None,
        "lookupLayoutable": None,
        "mergeable": name in {"Account", "Contact", "Lead", "Case"},
        "mruEnabled": True,
        "name": name,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "queryable": True,
        "recordTypeInfos": [],
        "replicateable": True,
        "retrieveable": True,
        "searchLayoutable": True,
        "searchable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {plural.lower()}", "name": "everything"}],
        "triggerable": True,
        "undeletable": True,
        "updateable": True,
        "urls": {},
        **given,
    }


def child_relationship(child: str, field: str, name: str) -> dict[str, Any]:
    """Return one element of a parent's ``childRelationships``."""
    return {
        "cascadeDelete": False,
        "childSObject": child,
        "deprecatedAndHidden": False,
        "field": field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": name,
        "restrictedDelete": False,
    }
