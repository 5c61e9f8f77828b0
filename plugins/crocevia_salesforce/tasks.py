"""Answers that people write as Tasks: which Tasks are meant, and how they are told what became of them.

A Task is taken when it comes to match the rule, once, and only from then on that it is asked for: what lies in an org
from before is nobody's answer of today. It becomes an interaction like any other, with an `Interaction__c` of its own.

Source: Object Reference v60.0, "Task".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from crocevia import ObjectSchema
from crocevia.errors import ConfigError
from crocevia.mapping import Lens, ObjectMapping, Reference
from crocevia_salesforce.values import written_text

OBJECT = "Task"
_NAME = re.compile(r"[A-Za-z]\w*")
_FATES = ("sent", "delivered", "read", "failed")
_RESULT = re.compile(r"\n*\[Crocevia: [^\n]*\]\Z")
_STATUSES = {"sent": "Completed", "failed": "Deferred"}


@frozen(kw_only=True)
class TaskAnswers:
    """`[connections.NAME.replies_from_tasks]`: which Tasks are answers, and what is written on them.

    Attributes:
        field: The Task's field that says so: `"Status"`, `"Type"`, `"Subject"`, or a custom one.
        equals: Its value: a text, upper and lower case alike, or true for a checkbox.
        starts_with: How its text begins; of a Subject that is sent, that is left out.
        sends_subject: Whether the Task's Subject is the message's too; else it is the Task's own title.
        road_field: A field that names the connection or channel to answer on; None: where the customer wrote last.
        statuses: `{"sent", "delivered", "read" or "failed": value of Status}`; a fate that is not there leaves it.
        result_field: A text field whose last line says what became of the answer; None: none.
    """

    field: str
    equals: str | bool | None = None
    starts_with: str | None = None
    sends_subject: bool = False
    road_field: str | None = None
    statuses: Mapping[str, str] = attrs.field(factory=lambda: dict(_STATUSES))
    result_field: str | None = "Description"

    def __attrs_post_init__(self) -> None:
        """Refuse what says nothing. Raises ConfigError with one line a setting."""
        problems = [
            f"{name}: expected the API name of a field, got {value!r}"
            for name in ("field", "road_field", "result_field")
            if (value := getattr(self, name)) is not None and not _NAME.fullmatch(value)
        ]
        if (self.equals in (None, "", False)) == (not self.starts_with):
            problems.append("equals: expected either it or starts_with, with a value, got both or none")
        problems += [
            f"statuses.{name}: expected one of {', '.join(_FATES)}, got another"
            for name in self.statuses
            if name not in _FATES
        ]
        if problems:
            raise ConfigError(*problems)

    @property
    def condition(self) -> str:
        """The rule in SOQL. A Task that is done is none any more, unless it is by its status that it is one."""
        rule = f"{self.field} = {_literal(self.equals)}" if self.equals else f"{self.field} LIKE {self._pattern}"
        return rule if self.field == "Status" else f"{rule} AND IsClosed = false"

    @property
    def _pattern(self) -> str:
        escaped = re.sub(r"([%_])", r"\\\1", _escaped(self.starts_with or ""))
        return f"'{escaped}%'"

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Whether a Task's values say that it is one."""
        said = values.get(self.field)
        if isinstance(self.equals, bool):
            return bool(said) is self.equals
        text = str(said or "").casefold()
        if self.equals is not None:
            return text == self.equals.casefold()
        return text.startswith((self.starts_with or "").casefold())


@frozen(kw_only=True)
class Whom(Reference):
    """The customer of a Task: whom it is with, or the person account that it is about. Never written.

    Attributes:
        rule: A Task that does not meet it is nobody's.
        objects_of: `{key prefix of ids: object}` of what customers are kept as.
    """

    rule: TaskAnswers
    objects_of: Mapping[str, str]

    @property
    def remote(self) -> tuple[str, ...]:
        """What tells it; WhatId tells the Tasks that hang on an interaction."""
        return ("WhoId", "WhatId", *(("AccountId",) if "Account" in self.objects else ()))

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """The first that is one of our customers' objects."""
        named = ("WhoId", "AccountId") if self.rule.matches(remote) else ()
        told = [str(remote[name]) for name in named if remote.get(name)]
        return {self.name: next((one for one in told if self.objects_of.get(one[:3]) in self.objects), None)}

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Who is moved to another record is still the same customer."""
        return True


@frozen(kw_only=True)
class Asked(Lens):
    """What a Task asks to be sent. Read once; what is changed afterwards is the Task's own affair."""

    rule: TaskAnswers

    @property
    def fields(self) -> tuple[str, ...]:
        """What an answer consists of."""
        return ("direction", "text", "subject", "connection")

    @property
    def remote(self) -> tuple[str, ...]:
        """Subject, text, and the fields of the rule."""
        named = ("Subject", "Description", self.rule.field, self.rule.road_field)
        return tuple(dict.fromkeys(name for name in named if name))

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """An answer that is to be sent, where the rule says so."""
        if not self.rule.matches(remote):
            return {}
        text = _RESULT.sub("", str(remote.get("Description") or ""))
        subject = str(remote.get("Subject") or "") if self.rule.sends_subject else ""
        if self.rule.starts_with and self.rule.field == "Subject":
            subject = subject[len(self.rule.starts_with) :]
        found = {"direction": "outbound", "status": "to send", "kind": "message", "text": text.strip() or None}
        road = remote.get(self.rule.road_field or "")
        said = {"subject": subject.strip() or None, "connection": str(road).strip() if road else None}
        return {**found, **{name: value for name, value in said.items() if value}}

    def same(self, name: str, one: Any, other: Any) -> bool:
        """A person may do with his Task what he likes."""
        return True


@frozen(kw_only=True)
class Fate(Lens):
    """What became of an answer, as its Task says it: by its status, and by the last line of a text."""

    rule: TaskAnswers
    allowed: frozenset[str] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The status, why, and the text that a line is put under."""
        return ("status", "status_detail", "text")

    @property
    def remote(self) -> tuple[str, ...]:
        """Status, and the field of the result."""
        return ("Status", *((self.rule.result_field,) if self.rule.result_field else ()))

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing while it is on its way."""
        fate = canonical.get("status")
        known = {"played": "read"}.get(str(fate), str(fate))
        if known not in _FATES:
            return {}
        values: dict[str, Any] = {}
        reached = _FATES[: _FATES.index(known) + 1] if known != "failed" else ("failed",)
        status = next((self.rule.statuses[name] for name in reversed(reached) if name in self.rule.statuses), None)
        if status is not None and (self.allowed is None or status in self.allowed):
            values["Status"] = status
        if self.rule.result_field:
            values[self.rule.result_field] = self._result(known, canonical)
        return values

    def _result(self, fate: str, canonical: Mapping[str, Any]) -> str:
        detail = " ".join(str(canonical.get("status_detail") or "").split())
        line = f"[Crocevia: {fate}{': ' if detail else ''}{detail}]"
        if self.rule.result_field != "Description":
            return line
        room = self.limits.get("Description", 32_000) - len(line) - 2
        text = (written_text(canonical.get("text") or "") or "")[: max(room, 0)].rstrip()
        return f"{text}\n\n{line}" if text else line

    def read(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing: it is ours to say."""
        return {}

    def fit(self, schema: ObjectSchema) -> Fate:
        """With the statuses that the org has, where it has no others."""
        fitted = super().fit(schema)
        assert isinstance(fitted, Fate)  # noqa: S101 - it is made from this one
        options = schema.fields["Status"].options if "Status" in schema.fields else None
        return fitted if options is None else Fate(rule=self.rule, limits=fitted.limits, allowed=frozenset(options))


def mapping(rule: TaskAnswers, objects: tuple[str, ...], prefixes: Mapping[str, str]) -> ObjectMapping:
    """Tasks as interactions; nothing of ours is kept on them but their fate."""
    first, *others = objects
    whom = Whom(field="WhoId", object=first, also=tuple(others), rule=rule, objects_of=prefixes, direction="from crm")
    lenses = (whom, Fate(rule=rule, direction="to crm"), Asked(rule=rule, direction="from crm"))
    return ObjectMapping(object=OBJECT, of="interaction", lenses=lenses)


def _literal(value: str | bool | None) -> str:  # noqa: FBT001 - either may stand in the settings
    return str(value).lower() if isinstance(value, bool) else f"'{_escaped(str(value))}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ")
