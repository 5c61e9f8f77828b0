"""`crocevia check`: what of the org is right, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crocevia import Finding
from crocevia.errors import RemoteError
from crocevia.mapping import ObjectMapping
from crocevia_salesforce import children, tasks
from crocevia_salesforce.auth import Tokens
from crocevia_salesforce.schemas import Schema, Schemas
from crocevia_salesforce.settings import Settings
from crocevia_salesforce.tasks import TaskAnswers
from crocevia_salesforce.transport import Transport

_PERMISSION_SET = "give the integration user the permission set Crocevia"
_NEEDED = {"queryable": "read", "createable": "create", "updateable": "edit"}
_USAGE_WARNING = 0.8


def check(
    transport: Transport, tokens: Tokens, schemas: Schemas, mappings: Sequence[ObjectMapping], settings: Settings
) -> Iterator[Finding]:
    """Log in, then one finding for each thing that an org can lack. About one call an object."""
    login = f"login by {settings.login}"
    try:
        versions = [entry["version"] for entry in transport.get("/services/data")]
        if settings.api_version not in versions:
            newest = max(versions, key=float, default="none")
            step = f"the org does not serve {settings.api_version}: set {newest}"
            yield Finding(level="problem", what="api_version", do=step)
            return
        transport.get("limits")
    except RemoteError as error:
        yield Finding(level="problem", what=login, do=str(error))
        return
    yield _kept(tokens, settings) or Finding(level="ok", what=login)
    yield Finding(level="ok", what=f"api_version {settings.api_version}")
    for mapping in mappings:
        yield from _object(schemas, mapping)
    if settings.mirror == "task":
        yield from _mirror(schemas)
    if settings.replies_from_tasks is not None:
        yield from _answers(schemas, settings.replies_from_tasks, mirrored=settings.mirror == "task")
    if transport.usage is not None:
        yield _usage(transport.usage.used, transport.usage.limit)


def _kept(tokens: Tokens, settings: Settings) -> Finding | None:
    """A warning where a restart would find the refresh token spent."""
    if not tokens.rotates or settings.token_file is not None:
        return None
    step = "the app rotates refresh tokens: set token_file and token_key, or switch rotation off in the app"
    return Finding(level="warning", what="refresh_token", do=step)


def _object(schemas: Schemas, mapping: ObjectMapping) -> Iterable[Finding]:
    try:
        schema = schemas.fresh(mapping.object)
    except RemoteError as error:
        return [Finding(level="problem", what=mapping.object, do=str(error))]
    wanted = _NEEDED if mapping.object != tasks.OBJECT else {"queryable": "read", "updateable": "edit"}
    step = _PERMISSION_SET if mapping.object != tasks.OBJECT else "give him the permission Edit Tasks"
    found = [
        Finding(level="problem", what=mapping.object, do=f"the user may not {may} it: {step}")
        for flag, may in wanted.items()
        if not schema.raw.get(flag)
    ]
    for lens in mapping.lenses:
        gone = [name for name in lens.remote if name not in (*schema.fields, children.RELATIONSHIP)]
        found += [_left_out(mapping.object, name) if lens.optional else _missing(mapping.object, name) for name in gone]
    found += _key(schema, mapping) + _revision(schema, mapping)
    if mapping.of == "profile":
        found += _customers(schemas, schema, mapping.object)
    return found or [Finding(level="ok", what=mapping.object)]


def _customers(schemas: Schemas, schema: Schema, object_name: str) -> list[Finding]:
    """What an object of customers can lack beside its fields."""
    found = []
    if object_name == "Account" and not schema.only:
        do = "person accounts are not enabled in this org: leave Account out of objects"
        found.append(Finding(level="problem", what=object_name, do=do))
    if not schemas.has_identities(object_name):
        do = f"contact points without a field are not kept there: deploy the package and {_PERMISSION_SET}"
        found.append(Finding(level="warning", what=f"{object_name}: {children.OBJECT}", do=do))
    return found


def _mirror(schemas: Schemas) -> Iterable[Finding]:
    """Whether interactions may have Tasks."""
    try:
        task = schemas.fresh("Task")
    except RemoteError as error:
        return [Finding(level="problem", what="Task", do=str(error))]
    if not task.raw.get("createable"):
        return [
            Finding(
                level="problem",
                what="Task",
                do="the user may not create it: give him the permission, or mirror = 'none'",
            )
        ]
    if "Interaction__c" not in task.references.get("WhatId", ()):
        do = "Interaction__c takes no activities: deploy the package, or mirror = 'none'"
        return [Finding(level="problem", what="Task.WhatId", do=do)]
    return [Finding(level="ok", what="Task")]


def _answers(schemas: Schemas, rule: TaskAnswers, *, mirrored: bool) -> Iterator[Finding]:
    """Whether Tasks can say that they are answers, and be told what became of them."""
    try:
        task, log = schemas.known(tasks.OBJECT), schemas.known("Interaction__c")
    except RemoteError:
        return  # it was said already
    values = {value.casefold() for value in _values(task, rule.field) or ()}
    if isinstance(rule.equals, str) and values and rule.equals.casefold() not in values:
        do = f"has no value {rule.equals!r}, which replies_from_tasks waits for: add it"
        yield Finding(level="problem", what=f"Task.{rule.field}", do=do)
    for value in sorted(set(rule.statuses.values()) - set(_values(task, "Status") or rule.statuses.values())):
        do = f"has no value {value!r}, which replies_from_tasks.statuses names: add it, or the Task keeps its status"
        yield Finding(level="warning", what="Task.Status", do=do)
    for name in ("Status", rule.result_field or "Status"):
        if name in task.fields and not task.fields[name].get("updateable"):
            do = "the user may not edit it, so a Task is not told what became of it: let him"
            yield Finding(level="problem", what=f"Task.{name}", do=do)
    if mirrored and "Task_Id__c" not in log.fields:
        do = "not there, so an answer that is a Task would get a second one: deploy the package as it is now"
        yield Finding(level="problem", what="Interaction__c.Task_Id__c", do=do)


def _values(schema: Schema, name: str) -> list[str] | None:
    """What a picklist offers; None where the field is none."""
    told = schema.fields.get(name, {}).get("picklistValues")
    return [entry["value"] for entry in told if entry.get("active", True)] if told else None


def _missing(object_name: str, name: str) -> Finding:
    package = "deploy the package and " if name.endswith("__c") else ""
    return Finding(
        level="problem",
        what=f"{object_name}.{name}",
        do=f"not there, or hidden from the user: {package}{_PERMISSION_SET}",
    )


def _left_out(object_name: str, name: str) -> Finding:
    do = f"not there, or hidden from the user, so it is left out: deploy the package as it is now and {_PERMISSION_SET}"
    return Finding(level="warning", what=f"{object_name}.{name}", do=do)


def _key(schema: Schema, mapping: ObjectMapping) -> list[Finding]:
    if mapping.key is None:
        return []
    what = f"{mapping.object}.{mapping.key}"
    entry = schema.fields.get(mapping.key)
    if entry is None:
        return [_missing(mapping.object, mapping.key)]
    if not (entry.get("createable") and entry.get("updateable")):
        return [Finding(level="problem", what=what, do=f"the user may not edit it: {_PERMISSION_SET}")]
    if not (entry.get("externalId") and entry.get("unique")):
        return [Finding(level="problem", what=what, do="make it External ID and Unique: an upsert could make doubles")]
    if not entry.get("caseSensitive"):
        return [Finding(level="problem", what=what, do="make Unique case-sensitive: two keys may differ in case alone")]
    return []


def _revision(schema: Schema, mapping: ObjectMapping) -> list[Finding]:
    if mapping.revision is None:
        return []
    entry = schema.fields.get(mapping.revision)
    if entry is None:
        return [_missing(mapping.object, mapping.revision)]
    if not entry.get("updateable"):
        what = f"{mapping.object}.{mapping.revision}"
        return [Finding(level="problem", what=what, do=f"the user may not edit it: {_PERMISSION_SET}")]
    return []


def _usage(used: int, limit: int) -> Finding:
    what = f"API calls of the day: {used} of {limit}"
    if used > limit * _USAGE_WARNING:
        return Finding(level="warning", what=what, do="little is left: buy calls, or let fewer programs poll the org")
    return Finding(level="ok", what=what)
