import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from attrs import evolve

from crocevia import (
    ContactPoint,
    Event,
    ParseContext,
    Raw,
    Record,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Secret,
    Write,
    Written,
)
from crocevia.errors import AuthError, ConflictError, GoneError, RejectedError, SchemaDriftError
from crocevia_tryton.connector import Settings, Tryton
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer

New = Callable[[str], str]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIELDS = ("crocevia_key", "crocevia_revision", "name", "contact_mechanisms", "lang")
TOUCH = ("key", "revision", "party", "occurred_at", "body", "status", "message_id", "connection", "conversation")


def party(key: str, operation: Any = "upsert", **values: Any) -> Write:
    """A write of a party."""
    id_, version = values.pop("id", None), values.pop("version", None)
    own = {"crocevia_key": key} if operation == "upsert" else {}
    return Write(object="party.party", operation=operation, key=key, id=id_, version=version, values={**own, **values})


def touch(key: str, **values: Any) -> Write:
    """A write of an interaction."""
    base = {"direction": "inbound", "kind": "message", "occurred_at": "2026-11-20T10:00:00.250Z"}
    return Write(object="crocevia.interaction", operation="upsert", key=key, values={**base, "key": key, **values})


def fetched(tryton: Tryton, outcome: object, fields: Sequence[str] = FIELDS) -> Record:
    """The record that a write made, as it is now."""
    assert isinstance(outcome, Written)
    object_name = "party.party" if fields is FIELDS else "crocevia.interaction"
    [record] = tryton.fetch(object_name, [outcome.id], fields)
    return record


def told(
    tryton: Tryton, object_name: str, cursor: str | None, fields: Sequence[str] = FIELDS
) -> tuple[list[Event], str]:
    """Every event since the cursor, and the cursor behind them."""
    events: list[Event] = []
    more = True
    while more:
        page = tryton.changes(object_name, cursor, fields)
        cursor, more = page.cursor, page.more
        if page.body:
            raw = Raw(connection="crm", kind="tryton", body=page.body, received_at=NOW, source="page")
            events += tryton.parse(raw, ParseContext(now=NOW))
    assert cursor is not None
    return events, cursor


def test_many_parties_are_created_in_one_call(tryton: Tryton, new: New) -> None:
    """Each outcome has the id and the version of its own record."""
    keys = [new("party") for _ in range(30)]
    outcomes = tryton.write(
        [party(key, name=f"P {key}", contact_mechanisms=[["mobile", "+393471234567"]], lang="it") for key in keys]
    )

    records = [fetched(tryton, outcome) for outcome in outcomes]
    assert [record.values["crocevia_key"] for record in records] == keys
    assert [record.values["name"] for record in records] == [f"P {key}" for key in keys]
    assert records[0].values["contact_mechanisms"] == [["mobile", "+393471234567"]]
    assert records[0].values["lang"] == "it"
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Written)] == [r.version for r in records]


def test_a_write_takes_few_calls(tryton: Tryton, tryton_wire: Any, new: New) -> None:
    """A batch of new records costs a create and a read of the versions."""
    tryton.write([party(new("warm"), name="Warm")])
    tryton_wire.sent.clear()

    tryton.write([party(new("party"), name="N") for _ in range(100)])

    assert tryton_wire.methods == ["model.party.party.create", "model.party.party.search_read"]


def test_an_upsert_of_a_known_key_updates(tryton: Tryton, new: New) -> None:
    """Made twice, an upsert makes one record; new ones of the same batch are created all the same."""
    old, fresh = new("party"), new("party")
    [first] = tryton.write([party(old, name="Old")])
    again, created = tryton.write([party(old, name="Newer"), party(fresh, name="Fresh")])

    assert isinstance(first, Written)
    assert isinstance(again, Written)
    assert (again.id, again.created) == (first.id, False)
    assert isinstance(created, Written)
    assert created.created
    assert fetched(tryton, again).values["name"] == "Newer"
    found = tryton.find_keys("party.party", [old, fresh, "unknown"], ["name"])
    assert {record.values["crocevia_key"] for record in found} == {old, fresh}


def test_one_bad_record_does_not_hold_up_the_others(tryton: Tryton, new: New) -> None:
    """Tryton rolls the whole call back; the connector finds the one to blame."""
    keys = [new("touch") for _ in range(7)]
    writes = [touch(key, body="hello") for key in keys]
    writes[4] = touch(keys[4], direction="sideways", body="a secret text")

    outcomes = tryton.write(writes)

    assert [type(outcome) for outcome in outcomes] == [*[Written] * 4, RejectedError, *[Written] * 2]
    assert keys[4] in str(outcomes[4])
    assert "direction" in str(outcomes[4])
    assert "secret" not in str(outcomes[4])


def test_a_value_of_the_wrong_type_is_refused_alone(tryton: Tryton, new: New) -> None:
    """A lens that writes nonsense costs its own record only."""
    good, bad = tryton.write([touch(new("touch")), touch(new("touch"), party="not an id")])

    assert isinstance(good, Written)
    assert isinstance(bad, RejectedError)
    assert "party" in str(bad)


def test_an_unknown_field_is_schema_drift(tryton: Tryton, new: New) -> None:
    """The field is named, so that it alone can be quarantined."""
    [outcome] = tryton.write([party(new("party"), shoe_size=43)])

    assert isinstance(outcome, SchemaDriftError)
    assert outcome.fields == ("shoe_size",)


def test_updates_of_different_values_go_in_one_call(tryton: Tryton, tryton_wire: Any, new: New) -> None:
    """Tryton's write takes pairs of ids and values."""
    made = tryton.write([party(new("party"), name="A"), party(new("party"), name="B")])
    tryton_wire.sent.clear()

    outcomes = tryton.write(
        [
            party("k", "update", id=record.id, name=name, version=record.version)
            for record, name in zip((m for m in made if isinstance(m, Written)), "CD", strict=True)
        ]
    )

    assert tryton_wire.methods == ["model.party.party.write", "model.party.party.search_read"]
    assert [fetched(tryton, outcome).values["name"] for outcome in outcomes] == ["C", "D"]


def test_a_conditional_write_meets_a_newer_version(tryton: Tryton, person: Rpc, new: New) -> None:
    """Only the record that a person changed meanwhile is a conflict; a new number counts as a change."""
    made = tryton.write([party(new("party"), name="A") for _ in range(3)])
    ids = [outcome.id for outcome in made if isinstance(outcome, Written)]
    person.call(
        "model.party.contact_mechanism.create", [{"party": int(ids[1]), "type": "mobile", "value": "+393471234567"}]
    )

    outcomes = tryton.write(
        [
            party("k", "update", id=outcome.id, name="B", version=outcome.version)
            for outcome in made
            if isinstance(outcome, Written)
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [Written, ConflictError, Written]


def test_the_set_of_contact_mechanisms_becomes_what_is_written(tryton: Tryton, person: Rpc, new: New) -> None:
    """Removed ones are deactivated, those that return are activated again, other types are left alone."""
    [made] = tryton.write(
        [party(new("party"), name="A", contact_mechanisms=[["mobile", "+393471234567"], ["email", "a@example.com"]])]
    )
    record = fetched(tryton, made)
    person.call(
        "model.party.contact_mechanism.create",
        [{"party": int(record.id), "type": "website", "value": "https://a.example"}],
    )

    def write(rows: list[list[str]]) -> list[list[str]]:
        [outcome] = tryton.write([party("k", "update", id=record.id, contact_mechanisms=rows)])
        rows_now: list[list[str]] = fetched(tryton, outcome).values["contact_mechanisms"]
        return rows_now

    without = write([["email", "a@example.com"]])
    back = write([["email", "a@example.com"], ["mobile", "+393471234567"]])
    everything = person.call(
        "model.party.contact_mechanism.search_read",
        [["party", "=", int(record.id)]],
        0,
        None,
        [["id", "ASC"]],
        ["type", "active"],
        context={"active_test": False},
    )

    assert without == [["email", "a@example.com"]]
    assert back == [["email", "a@example.com"], ["mobile", "+393471234567"]]
    assert sorted((row["type"], bool(row["active"])) for row in everything) == [
        ("email", True),
        ("mobile", True),
        ("website", True),
    ]


def test_a_number_outside_the_plan_is_kept_as_the_channel_showed_it(tryton: Tryton, person: Rpc, new: New) -> None:
    """A customer wrote from it; a person's slip is still refused."""
    [made] = tryton.write([party(new("party"), name="A", contact_mechanisms=[["mobile", "+15550001"]])])

    assert fetched(tryton, made).values["contact_mechanisms"] == [["mobile", "+15550001"]]
    with pytest.raises(RejectedError):
        person.call(
            "model.party.party.create",
            [{"name": "B", "contact_mechanisms": [["create", [{"type": "mobile", "value": "+15550001"}]]]}],
        )


def test_an_interaction_comes_back_as_it_went(tryton: Tryton, new: New) -> None:
    """Times keep their milliseconds, links their ids, texts their blanks and line breaks."""
    [owner] = tryton.write([party(new("party"), name="A")])
    assert isinstance(owner, Written)
    text = "  two\n lines, é and 🍕  "
    [made] = tryton.write([touch(new("touch"), party=owner.id, body=text, status="read", revision=3)])

    values = fetched(tryton, made, TOUCH).values
    assert values["party"] == owner.id
    assert values["occurred_at"] == "2026-11-20T10:00:00.250Z"
    assert values["body"] == text
    assert (values["status"], values["revision"], values["message_id"]) == ("read", 3, None)


def test_an_archived_party_is_not_changed(tryton: Tryton, person: Rpc, new: New) -> None:
    """Tryton refuses it to everybody; the way out is named. Its key is still known."""
    key = new("party")
    [made] = tryton.write([party(key, name="A")])
    assert isinstance(made, Written)
    person.call("model.party.party.write", [int(made.id)], {"active": False})

    [update] = tryton.write([party(key, "update", id=made.id, name="B")])
    [upsert] = tryton.write([party(key, name="B")])

    for outcome in (update, upsert):
        assert isinstance(outcome, RejectedError)
        assert "activate it in Tryton" in str(outcome)


def test_records_are_deleted_and_a_second_delete_is_done_too(tryton: Tryton, new: New) -> None:
    """What is gone already does not hold up the rest."""
    made = tryton.write([party(new("party"), name="A") for _ in range(3)])
    ids = [outcome.id for outcome in made if isinstance(outcome, Written)]
    tryton.write([party("k", "delete", id=ids[1])])

    outcomes = tryton.write([party("k", "delete", id=id_) for id_ in ids])

    assert outcomes == [Written(id=id_) for id_ in ids]
    assert tryton.fetch("party.party", ids, FIELDS) == []


def test_an_update_of_a_deleted_record_says_so(tryton: Tryton, new: New) -> None:
    """The binding can end."""
    gone, stays = tryton.write([party(new("party"), name="A"), party(new("party"), name="B")])
    assert isinstance(gone, Written)
    assert isinstance(stays, Written)
    tryton.write([party("k", "delete", id=gone.id)])

    first, second = tryton.write([party("k", "update", id=made.id, name="C") for made in (gone, stays)])

    assert isinstance(first, GoneError)
    assert first.survivor is None
    assert isinstance(second, Written)


def test_changes_are_told_once_each_and_in_order(tryton: Tryton, person: Rpc, new: New) -> None:
    """A cursor overlaps what it has told, and does not tell it again."""
    _, cursor = told(tryton, "party.party", None)
    key = new("party")
    [id_] = person.call("model.party.party.create", [{"name": "First", "crocevia_key": key}])
    created, cursor = told(tryton, "party.party", cursor)
    person.call("model.party.party.write", [id_], {"name": "Second"})
    renamed, cursor = told(tryton, "party.party", cursor)
    nothing, _ = told(tryton, "party.party", cursor)

    names = [event.values["name"] for event in [*created, *renamed] if isinstance(event, RecordChanged)]
    assert names == ["First", "Second"]
    assert [event.id for event in [*created, *renamed] if isinstance(event, RecordChanged)] == [str(id_)] * 2
    assert nothing == []


def test_changes_are_paged(tryton: Tryton, new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record comes, also where one transaction gave many the same time."""
    _, cursor = told(tryton, "party.party", None)
    keys = {new("party") for _ in range(11)}
    tryton.write([party(key, name="Same time") for key in keys])
    monkeypatch.setattr("crocevia_tryton.reading.PAGE", 4)

    events, cursor = told(tryton, "party.party", cursor)
    again, _ = told(tryton, "party.party", cursor)

    assert [event.values["crocevia_key"] for event in events if isinstance(event, RecordChanged)].__len__() == 11
    assert {event.values["crocevia_key"] for event in events if isinstance(event, RecordChanged)} == keys
    assert again == []


@pytest.mark.parametrize("change", ["add", "edit", "remove", "archive"])
def test_a_contact_mechanisms_change_is_its_partys(tryton: Tryton, person: Rpc, new: New, change: str) -> None:
    """A person who corrects a number in Tryton changes the party."""
    [made] = tryton.write([party(new("party"), name="A", contact_mechanisms=[["mobile", "+393471234567"]])])
    assert isinstance(made, Written)
    [row] = person.call("model.party.contact_mechanism.search", [["party", "=", int(made.id)]])
    _, cursor = told(tryton, "party.party", None)

    model = "model.party.contact_mechanism"
    match change:
        case "add":
            person.call(f"{model}.create", [{"party": int(made.id), "type": "email", "value": "A@Example.com"}])
        case "edit":
            person.call(f"{model}.write", [row], {"value": "+39 347 765 4321"})
        case "remove":
            person.call(f"{model}.delete", [row])
        case "archive":
            person.call(f"{model}.write", [row], {"active": False})
    [event], _ = told(tryton, "party.party", cursor)

    assert isinstance(event, RecordChanged)
    expected = {
        "add": [["email", "A@example.com"], ["mobile", "+393471234567"]],
        "edit": [["mobile", "+393477654321"]],
        "remove": [],
        "archive": [],
    }
    assert event.values["contact_mechanisms"] == expected[change]


def test_a_deletion_is_told_also_of_what_went_with_it(tryton: Tryton, person: Rpc, new: New) -> None:
    """Tryton deletes a party's interactions by cascade, which its own log does not record."""
    [owner] = tryton.write([party(new("party"), name="A")])
    assert isinstance(owner, Written)
    [made] = tryton.write([touch(new("touch"), party=owner.id)])
    assert isinstance(made, Written)
    _, parties = told(tryton, "party.party", None)
    _, touches = told(tryton, "crocevia.interaction", None, TOUCH)

    person.call("model.party.party.delete", [int(owner.id)])
    [first], parties = told(tryton, "party.party", parties)
    [second], _ = told(tryton, "crocevia.interaction", touches, TOUCH)
    again, _ = told(tryton, "party.party", parties)

    assert isinstance(first, RecordDeleted)
    assert (first.object, first.id) == ("party.party", owner.id)
    assert isinstance(second, RecordDeleted)
    assert (second.object, second.id) == ("crocevia.interaction", made.id)
    assert again == []


def test_a_merge_names_the_survivor(tryton: Tryton, person: Rpc, new: New) -> None:
    """Tryton's own "Replace" archives the one, and moves its interactions to the survivor."""
    mobile = [["mobile", "+393471234567"]]
    lost, kept = tryton.write(
        [party(new("party"), name="Same", contact_mechanisms=mobile), party(new("party"), name="Same")]
    )
    assert isinstance(lost, Written)
    assert isinstance(kept, Written)
    [made] = tryton.write([touch(new("touch"), party=lost.id)])
    _, cursor = told(tryton, "party.party", None)

    session, _, _ = person.call("wizard.party.replace.create")
    person.call(
        "wizard.party.replace.execute",
        session,
        {"ask": {"source": int(lost.id), "destination": int(kept.id)}},
        "replace",
    )
    events, _ = told(tryton, "party.party", cursor)
    [update] = tryton.write([party("k", "update", id=lost.id, name="Late")])

    assert [(event.id, event.into) for event in events if isinstance(event, RecordMerged)] == [(lost.id, kept.id)]
    assert [event for event in events if isinstance(event, RecordChanged) and event.id == lost.id] == []
    assert fetched(tryton, made, TOUCH).values["party"] == kept.id
    assert isinstance(update, GoneError)
    assert update.survivor == kept.id


@pytest.mark.parametrize("known", ["known", ""])
def test_a_survivor_takes_our_key_over(tryton: Tryton, person: Rpc, new: New, known: str) -> None:
    """The key is unique and would stay on the archived record; a survivor that has a key keeps its own."""
    ours, theirs = new("party"), new("party")
    [lost] = tryton.write([party(ours, name="Same")])
    assert isinstance(lost, Written)
    [kept] = person.call("model.party.party.create", [{"name": "Same", "crocevia_key": theirs if known else None}])

    session, _, _ = person.call("wizard.party.replace.create")
    person.call(
        "wizard.party.replace.execute", session, {"ask": {"source": int(lost.id), "destination": kept}}, "replace"
    )
    held = tryton.find_keys("party.party", [ours, theirs], ["name"])

    assert {record.values["crocevia_key"]: record.id for record in held} == {theirs if known else ours: str(kept)}


def test_a_version_that_somebody_else_made_is_not_told_as_ours(
    tryton: Tryton, tryton_wire: Any, person: Rpc, new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written between our write and the reading of its version, it must still be a conflict."""
    [made] = tryton.write([party(new("party"), name="A")])
    assert isinstance(made, Written)
    send = tryton_wire.send

    def interfere(request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if json.loads(request.body or b"")["method"].endswith("search_read"):
            monkeypatch.undo()
            person.call("model.party.party.write", [int(made.id)], {"name": "Hers"})
        response: requests.Response = send(request, **kwargs)
        return response

    monkeypatch.setattr(tryton_wire, "send", interfere)
    [late] = tryton.write([party("k", "update", id=made.id, name="B", version=made.version)])
    [later] = tryton.write([party("k", "update", id=made.id, name="C", version=made.version)])

    assert late == Written(id=made.id)
    assert isinstance(later, ConflictError)


def test_parties_are_found_by_number_and_address(tryton: Tryton, person: Rpc, new: New) -> None:
    """However a person wrote them; archived parties and contact mechanisms are not found."""
    mail = f"{new('Ada')}@example.com"
    [active, archived] = person.call(
        "model.party.party.create",
        [
            {
                "name": "Ada",
                "contact_mechanisms": [
                    ["create", [{"type": "phone", "value": "+39 011 562 1234"}, {"type": "email", "value": mail}]]
                ],
            },
            {"name": "Gone", "contact_mechanisms": [["create", [{"type": "email", "value": mail}]]]},
        ],
    )
    person.call("model.party.party.write", [archived], {"active": False})
    phone, email = ContactPoint("phone", "", "+390115621234"), ContactPoint("email", "", mail.lower())
    nobody = ContactPoint("phone", "", "+390110000000")

    found = tryton.find("party.party", [phone, email, nobody], ["name"])

    assert {point: [record.id for record in records] for point, records in found.items()} == {
        phone: [str(active)],
        email: [str(active)],
    }


def test_a_reply_written_in_tryton_is_ready_to_be_sent(tryton: Tryton, person: Rpc, new: New) -> None:
    """A person names what is answered and writes; the road is copied from there."""
    [owner] = tryton.write([party(new("party"), name="A")])
    assert isinstance(owner, Written)
    road = {"connection": "shop", "channel": "whatsapp", "conversation": "39347", "message_id": "wamid.1"}
    [asked] = tryton.write([touch(new("touch"), party=owner.id, body="Open today?", **road)])
    assert isinstance(asked, Written)
    _, cursor = told(tryton, "crocevia.interaction", None, TOUCH)
    fields = (*TOUCH, "direction", "in_reply_to", "channel", "kind")

    person.call("model.crocevia.interaction.create", [{"reply_to": int(asked.id), "body": "Until seven."}])
    [event], _ = told(tryton, "crocevia.interaction", cursor, fields)

    assert isinstance(event, RecordChanged)
    expected = {
        "key": None,
        "party": owner.id,
        "direction": "outbound",
        "kind": "message",
        "status": "to_send",
        "body": "Until seven.",
        "connection": "shop",
        "channel": "whatsapp",
        "conversation": "39347",
        "in_reply_to": "wamid.1",
        "message_id": None,
    }
    assert {name: event.values[name] for name in expected} == expected

    key = new("touch")
    stamped = Write(
        object="crocevia.interaction",
        operation="update",
        key=key,
        id=event.id,
        version=event.version,
        values={"key": key, "revision": 1, "status": "sent", "message_id": "wamid.2"},
    )
    [outcome] = tryton.write([stamped])
    values = fetched(tryton, outcome, TOUCH).values
    assert (values["key"], values["status"], values["message_id"]) == (key, "sent", "wamid.2")


def test_a_copy_of_a_record_does_not_carry_our_key(tryton: Tryton, person: Rpc, new: New) -> None:
    """A person who duplicates a party in Tryton makes another party."""
    [made] = tryton.write([party(new("party"), name="A", crocevia_revision=4)])
    assert isinstance(made, Written)

    [copy] = person.call("model.party.party.copy", [int(made.id)])

    [record] = tryton.fetch("party.party", [str(copy)], FIELDS)
    assert (record.values["crocevia_key"], record.values["crocevia_revision"]) == (None, None)


def test_described_fields_say_what_the_core_asks(tryton: Tryton) -> None:
    """Types, required ones without those that Tryton fills itself, options of a selection."""
    fields = tryton.describe("crocevia.interaction").fields
    parties = tryton.describe("party.party").fields

    assert (fields["key"].type, fields["key"].unique, fields["party"].type) == ("char", True, "many2one")
    assert fields["direction"].options == ("inbound", "outbound", "internal")
    assert [name for name, field in parties.items() if field.required] == []
    with pytest.raises(SchemaDriftError, match=r"crm\.lead"):
        tryton.describe("crm.lead")


def test_every_default_lens_fits(tryton: Tryton) -> None:
    """The server has each mapped field."""
    for mapping in tryton.mappings():
        schema = tryton.describe(mapping.object)
        assert [name for name in mapping.remote_fields if name not in schema.fields] == []


def test_check_is_content(tryton: Tryton) -> None:
    """A user without special rights is enough."""
    assert {finding.level for finding in tryton.check()} == {"ok"}


def test_check_says_what_is_wrong(server: TrytonServer) -> None:
    """A wrong password, database or address is told in one line each, without the password."""
    bad = Settings(base_url=server.url, database=server.database, user=server.user, password=Secret("wrong-one"))
    for settings, said in (
        (bad, "user or password"),
        (evolve(bad, database="nowhere"), "no such database"),
        (evolve(bad, base_url="http://127.0.0.1:9"), "no answer"),
    ):
        findings = list(Tryton(settings, connection="crm").check())
        assert findings[-1].level == "problem"
        assert said in findings[-1].do
        assert "wrong-one" not in findings[-1].do


def test_an_expired_session_is_renewed(tryton: Tryton, tryton_wire: Any) -> None:
    """A session that Tryton forgot costs a login, not an error."""
    tryton.fetch("party.party", ["999999"], FIELDS)
    last = tryton_wire.sent[-1]
    logout = {"id": 1, "method": "common.db.logout", "params": []}
    requests.post(last.url, json=logout, headers={"Authorization": last.headers["Authorization"]}, timeout=10)
    tryton_wire.sent.clear()

    assert tryton.fetch("party.party", ["999999"], FIELDS) == []
    read = "model.party.party.search_read"
    assert tryton_wire.methods == [read, "common.db.login", read]


def test_a_wrong_password_pauses_the_connection(server: TrytonServer) -> None:
    """No call is tried with it a second time."""
    settings = Settings(base_url=server.url, database=server.database, user=server.user, password=Secret("wrong-one"))
    with pytest.raises(AuthError, match="crocevia check"):
        Tryton(settings, connection="crm").fetch("party.party", ["1"], FIELDS)


def test_a_field_that_is_not_there_any_more_is_schema_drift(tryton: Tryton, new: New) -> None:
    """A mapping may outlive a module of Tryton's."""
    key = new("party")
    [made] = tryton.write([party(key, name="A")])
    assert isinstance(made, Written)
    for read in (
        lambda fields: tryton.changes("party.party", None, fields),
        lambda fields: tryton.fetch("party.party", [made.id], fields),
        lambda fields: tryton.find_keys("party.party", [key], fields),
    ):
        with pytest.raises(SchemaDriftError) as caught:
            read(["name", "shoe_size"])
        assert caught.value.fields == ("shoe_size",)
