"""The shipped schema: the standard objects that a customer-contact integration meets, read from ``standard.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from crocevia_salesforce.simulator.describe import child_relationship, describe_field, describe_object, picklist

_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def standard_describes() -> list[dict[str, Any]]:
    """Return the describes of the shipped objects, child relationships included."""
    text = files(__package__).joinpath("standard.txt").read_text("utf-8")
    describes = list(_objects(text))
    by_name = {describe["name"]: describe for describe in describes}
    for describe in describes:
        for entry in describe["fields"]:
            if name := entry.pop("children", None):
                for parent in entry["referenceTo"]:
                    relationship = child_relationship(describe["name"], entry["name"], name)
                    by_name[parent]["childRelationships"].append(relationship)
    return describes


def _objects(text: str) -> Iterator[dict[str, Any]]:
    blocks = re.split(r"\n(?=\w)", "\n" + "\n".join(line for line in text.splitlines() if line and line[0] != "#"))
    for block in blocks:
        if not block.strip():
            continue
        header, *lines = block.strip("\n").splitlines()
        name, prefix, label, plural, *flags = header.split()
        owner = not {"system", "noowner"} & set(flags)
        fields = system_fields(name, owner=owner, recyclable="nobin" not in flags)
        fields += [_field(line) for line in lines]
        writable = "system" not in flags
        yield describe_object(
            name,
            prefix,
            label.replace("_", " "),
            plural.replace("_", " "),
            fields,
            createable=writable,
            deletable=writable,
            undeletable=writable,
            updateable=writable,
        )


def system_fields(object_name: str, *, owner: bool, recyclable: bool = True) -> list[dict[str, Any]]:
    """Return the fields that the org itself keeps on every record."""
    readonly: dict[str, Any] = {"createable": False, "updateable": False, "nillable": False, "defaultedOnCreate": True}
    user: dict[str, Any] = {"referenceTo": ["User"]}
    fields = [
        describe_field("Id", "id", f"{object_name} ID", length=18, idLookup=True, **readonly),
    ]
    if recyclable:
        fields.append(describe_field("IsDeleted", "boolean", "Deleted", **readonly))
    if owner:
        fields.append(
            describe_field(
                "OwnerId",
                "reference",
                "Owner ID",
                length=18,
                relationshipName="Owner",
                nillable=False,
                defaultedOnCreate=True,
                **user,
            ),
        )
    for name, label in (("Created", "Created"), ("LastModified", "Last Modified")):
        fields.append(describe_field(f"{name}Date", "datetime", f"{label} Date", **readonly))
        by = describe_field(
            f"{name}ById", "reference", f"{label} By ID", length=18, relationshipName=f"{name}By", **user, **readonly
        )
        fields.append(by)
    fields.append(describe_field("SystemModstamp", "datetime", "System Modstamp", **readonly))
    return fields


def _field(line: str) -> dict[str, Any]:
    line, _, values_text = line.strip().partition(" values=")
    name, type_, *words = line.split()
    type_, _, length = type_.partition(":")
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    flags = {word for word in words if "=" not in word}
    given: dict[str, Any] = {"custom": False}
    if {"readonly", "createonly"} & flags:
        given["updateable"] = False
    if "readonly" in flags:
        given["createable"] = False
    if "required" in flags:
        given["nillable"] = False
    for flag, key in (("idlookup", "idLookup"), ("name", "nameField"), ("autonumber", "autoNumber")):
        given[key] = flag in flags
    if "part" in pairs:
        given["compoundFieldName"] = pairs["part"]
    if values_text:
        values = values_text.split("|")
        given["picklistValues"] = picklist(values, values[0] if "defaulted" in flags else None)
        given["restrictedPicklist"] = "restricted" in flags
    if "defaulted" in flags:
        given["defaultedOnCreate"] = True
    if type_ == "reference":
        given |= {"referenceTo": pairs["to"].split("|"), "relationshipName": pairs["as"]}
        given["polymorphicForeignKey"] = given["namePointing"] = len(given["referenceTo"]) > 1
        given["children"] = pairs.get("children")
    if type_ in {"double", "currency"}:
        given |= {"precision": 18, "scale": 15 if type_ == "double" else 2}
    if type_ == "int":
        given["digits"] = 8
    size = 18 if type_ == "reference" else int(length or 0)
    return describe_field(name, type_, _label(name), length=size, **given)


def _label(name: str) -> str:
    return _CAPITALS.sub(" ", name.removesuffix("Id") + " ID" if name.endswith("Id") and name != "Id" else name)
