"""The two laws of lenses, for every kind of lens; and what each lens does with absent, cleared and empty values."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from crocevia import ContactPoint, FieldSchema, ObjectSchema, errors
from crocevia.mapping import (
    CODECS,
    Children,
    FullName,
    Lens,
    Names,
    ObjectMapping,
    Plain,
    Reference,
    Slots,
    picklist,
    same,
)
from crocevia.testing.suite import strategies

_NAMES = Names(given="First", family="Last")
_FULL = FullName(field="Name")
_SLOTS = Slots(places={"Mobile": ("phone", "mobile"), "Phone": ("phone", "work"), "Email": ("email", "main")})
_ROWS = Children(field="Rows", types={"m": ("phone", "mobile"), "p": ("phone", "work"), "e": ("email", "main")})
_LENSES: dict[str, Lens] = {
    "names": _NAMES,
    "names, short": evolve(_NAMES, limits={"First": 5, "Last": 8}),
    "full name": _FULL,
    "full name, short": evolve(_FULL, limits={"Name": 9}),
    "full name, may be empty": evolve(_FULL, placeholder=""),
    "slots": _SLOTS,
    "slots, short": evolve(_SLOTS, limits={"Mobile": 6, "Email": 3}),
    "rows": _ROWS,
    "reference": Reference(field="Contact", object="Contact"),
    "picklist": Plain(name="kind", field="Kind", codec=picklist({"call": "Phone Call", "visit": "Visit"})),
    "picklist, restricted": Plain(name="kind", field="Kind", allowed=frozenset({"Call", "Visit"})),
    "list, restricted": Plain(
        name="tags", field="Tags", codec=CODECS["semicolon list"], allowed=frozenset({"VIP", "Gold", "Press"})
    ),
    "as it is": Plain(name="note", field="Note"),
    "as it is, short": Plain(name="note", field="Note", limits={"Note": 4}),
    "with a default": Plain(name="note", field="Note", default="none"),
    **{name: Plain(name="value", field="Value", codec=codec) for name, codec in CODECS.items()},
}
_every_lens = pytest.mark.parametrize("lens", _LENSES.values(), ids=_LENSES)
_bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine


def _phone(value: str, slot: str = "mobile", **more: Any) -> ContactPoint:
    return ContactPoint("phone", "", value, slot=slot, **more)


def _points(*points: ContactPoint) -> dict[str, Any]:
    return {"contact_points": points}


def _slots(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(point.text, point.slot) for point in values["contact_points"]]


# --- the laws ---------------------------------------------------------------------------------------------------------


@_every_lens
@_bounded
@given(data=st.data())
def test_first_law(lens: Lens, data: st.DataObject) -> None:
    """What was written and is read back changes nothing, even where the CRM holds less."""
    canonical = data.draw(strategies.canonical(lens))
    stored = {
        name: value or None if isinstance(value, str) else value for name, value in lens.encode(canonical).items()
    }
    assert lens.decode(stored, canonical) == {}
    assert lens.decode({}, canonical) == {}


@_every_lens
@_bounded
@given(data=st.data())
def test_second_law(lens: Lens, data: st.DataObject) -> None:
    """What a person entered is what we would write."""
    canonical = data.draw(strategies.canonical(lens))
    entered = strategies.remote(lens, None)
    assert entered is not None
    remote = data.draw(entered)
    again = lens.encode({**canonical, **lens.decode(remote, canonical)})
    assert {name: value for name, value in remote.items() if not lens.same(name, again.get(name), value)} == {}


@_every_lens
@_bounded
@given(data=st.data())
def test_what_was_read_is_read_once(lens: Lens, data: st.DataObject) -> None:
    """Reading the same remote values again changes nothing any more."""
    canonical = data.draw(strategies.canonical(lens))
    entered = strategies.remote(lens, None)
    assert entered is not None
    remote = data.draw(entered)
    after = {**canonical, **lens.decode(remote, canonical)}
    assert lens.decode(remote, after) == {}


@_every_lens
@_bounded
@given(data=st.data())
def test_nothing_written_is_longer_than_the_field(lens: Lens, data: st.DataObject) -> None:
    """Whatever we hold."""
    written = lens.encode(data.draw(strategies.canonical(lens)))
    assert [name for name, limit in lens.limits.items() if len(written.get(name) or "") > limit] == []


@pytest.mark.parametrize("lens", [_SLOTS, _ROWS], ids=["slots", "rows"])
@_bounded
@given(data=st.data())
def test_where_they_changed_nothing_ours_stays_as_it_is(lens: Lens, data: st.DataObject) -> None:
    """A three-way merge with an unchanged side is the other side."""
    base = lens.encode(data.draw(strategies.canonical(lens)))
    ours = data.draw(strategies.canonical(lens))
    merged = lens.merge(base, base, ours, theirs_first=data.draw(st.booleans()))
    assert merged == {"contact_points": tuple(ours.get("contact_points") or ())}


@pytest.mark.parametrize("lens", [_SLOTS, _ROWS], ids=["slots", "rows"])
@_bounded
@given(data=st.data())
def test_where_we_changed_nothing_theirs_is_taken(lens: Lens, data: st.DataObject) -> None:
    """The same, the other way round."""
    canonical = data.draw(strategies.canonical(lens))
    assume("contact_points" in canonical)
    entered = strategies.remote(lens, None)
    assert entered is not None
    theirs = data.draw(entered)
    merged = lens.merge(lens.encode(canonical), theirs, canonical, theirs_first=True)
    again = lens.encode(merged)
    assert {name: value for name, value in theirs.items() if not same(again[name], value)} == {}


@_bounded
@given(data=st.data())
def test_rows_are_merged_element_by_element(data: st.DataObject) -> None:
    """Of three sets of rows: what we hold, without what they took out, with what they put in."""
    points = st.lists(
        st.builds(_phone, st.sampled_from(["+391", "+392", "+393", "+394"]), st.sampled_from(["mobile", "work"])),
        unique_by=lambda point: point.value,
    )
    base, ours, theirs = (_rows(_ROWS.encode(_points(*data.draw(points)))) for _ in range(3))
    held = _ROWS.decode({"Rows": [list(row) for row in ours]}, {})
    merged = _ROWS.merge({"Rows": base}, {"Rows": theirs}, held, theirs_first=data.draw(st.booleans()))
    assert set(_rows(_ROWS.encode(merged))) == (set(ours) - (set(base) - set(theirs))) | (set(theirs) - set(base))


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in values["Rows"]]


# --- absent, cleared, empty -------------------------------------------------------------------------------------------


def test_absent_cleared_and_empty_are_three_things() -> None:
    """Absent says nothing, cleared empties, empty is a value of its own until the CRM makes it nothing."""
    lens = Plain(name="note", field="Note")
    assert lens.encode({}) == {}
    assert lens.encode({"note": None}) == {"Note": None}
    assert lens.encode({"note": ""}) == {"Note": ""}
    assert lens.decode({"Note": None}, {"note": ""}) == {}
    assert lens.decode({"Note": None}, {"note": "a"}) == {"note": None}
    assert lens.decode({}, {"note": "a"}) == {}


def test_a_default_stands_in_for_what_we_do_not_know() -> None:
    """And is not taken for something that a person entered."""
    lens = Plain(name="note", field="Note", default="none")
    assert lens.encode({}) == {"Note": "none"}
    assert lens.encode({"note": None}) == {"Note": "none"}
    assert lens.decode({"Note": "none"}, {}) == {}


def test_contact_points_that_are_absent_are_not_emptied() -> None:
    """A profile whose contact points were not read says nothing of them."""
    for lens in (_SLOTS, _ROWS):
        assert lens.encode({}) == {}
    assert _SLOTS.encode({"contact_points": None}) == {"Mobile": None, "Phone": None, "Email": None}
    assert _ROWS.encode({"contact_points": ()}) == {"Rows": []}


def test_nothing_is_nothing_in_every_form() -> None:
    """None, an empty text and no rows are the same in a CRM; rows have no order and no doubles."""
    assert same(None, "")
    assert same([], None)
    assert not same("", 0)
    assert not same(None, False)
    assert same([["p", "1"], ["m", "2"]], (["m", "2"], ["p", "1"], ["p", "1"]))
    assert not same([["p", "1"]], [["p", "1"], ["m", "1"]])


def test_a_link_is_left_out_until_the_other_record_is_there() -> None:
    """None would unlink what somebody linked."""
    lens = Reference(field="Contact", object="Contact")
    assert lens.encode({}) == lens.encode({"profile": None}) == {}
    assert lens.encode({"profile": "003"}) == {"Contact": "003"}
    assert lens.decode({"Contact": "004"}, {"profile": "003"}) == {"profile": "004"}


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_display_name_stands_in_for_a_family_name() -> None:
    """Until somebody says what the names are."""
    assert _NAMES.encode({"display_name": "Ada L."}) == {"First": None, "Last": "Ada L."}
    assert _NAMES.encode({}) == {"First": None, "Last": "Unknown"}
    assert _NAMES.decode({"First": "Ada", "Last": "Ada L."}, {"display_name": "Ada L."}) == {
        "given_name": "Ada",
        "family_name": "Ada L.",
    }


def test_the_name_that_was_not_touched_keeps_its_length() -> None:
    """A CRM of eight characters that corrects the given name does not cut the family name here."""
    lens = evolve(_NAMES, limits={"First": 5, "Last": 8})
    canonical = {"given_name": "Ade", "family_name": "Lovelace-Byron"}
    assert lens.encode(canonical) == {"First": "Ade", "Last": "Lovelace"}
    assert lens.decode({"First": "Ada", "Last": "Lovelace"}, canonical) == {
        "given_name": "Ada",
        "family_name": "Lovelace-Byron",
    }


def test_a_placeholder_does_not_become_a_name() -> None:
    """When only the given name is corrected."""
    assert _NAMES.decode({"First": "Ada", "Last": "Unknown"}, {"given_name": "Ade"}) == {
        "given_name": "Ada",
        "family_name": None,
    }


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Ada Byron", ("Ada", "Byron")),
        ("Augusta Lovelace", ("Augusta", "Lovelace")),
        ("Ada  Lovelace", ("Ada", " Lovelace")),
        ("Lovelace, Ada", (None, "Lovelace, Ada")),
        ("Ada", (None, "Ada")),
    ],
)
def test_one_name_field_is_split_only_where_we_know_how(typed: str, expected: tuple[str | None, str]) -> None:
    """The part that did not change stays; nobody guesses the rest."""
    found = _FULL.decode({"Name": typed}, {"given_name": "Ada", "family_name": "Lovelace"})
    assert (found["given_name"], found["family_name"]) == expected


def test_an_emptied_name_does_not_come_back_as_the_display_name() -> None:
    """Where the CRM lets a name be empty."""
    lens = evolve(_FULL, placeholder="")
    canonical = {"family_name": "Lovelace", "display_name": "Ada"}
    after = {**canonical, **lens.decode({"Name": None}, canonical)}
    assert same(lens.encode(after)["Name"], None)


# --- contact points ---------------------------------------------------------------------------------------------------


def test_a_correction_removes_the_wrong_number() -> None:
    """It does not keep both."""
    canonical = _points(_phone("+391", verified=True), _phone("+392", "work"))
    found = _SLOTS.decode({"Mobile": "+393", "Phone": "+392", "Email": None}, canonical)
    assert _slots(found) == [("+393", "mobile"), ("+392", "work")]
    assert found["contact_points"][0].verified is False


def test_nobody_moves_up_into_a_slot_that_was_emptied() -> None:
    """The second mobile number is not what the person wanted there."""
    canonical = _points(_phone("+391"), _phone("+392"))
    found = _SLOTS.decode({"Mobile": None}, canonical)
    assert _slots(found) == [("+392", "other")]


def test_two_numbers_that_are_swapped_keep_who_proved_them() -> None:
    """They are the same two points in each other's place."""
    canonical = _points(_phone("+391", verified=True), _phone("+392", "work", verified=False))
    for lens, remote in (
        (_SLOTS, {"Mobile": "+392", "Phone": "+391", "Email": None}),
        (_ROWS, {"Rows": [["m", "+392"], ["p", "+391"]]}),
    ):
        found = lens.decode(remote, canonical)
        assert sorted((point.text, point.slot, point.verified) for point in found["contact_points"]) == [
            ("+391", "work", True),
            ("+392", "mobile", False),
        ]


def test_one_number_in_two_fields_is_one_point_in_two_places() -> None:
    """Taken out of one of them, it stays in the other."""
    for lens, both, one in (
        (_SLOTS, {"Mobile": "+391", "Phone": "+391", "Email": None}, {"Mobile": "+391", "Phone": None, "Email": None}),
        (_ROWS, {"Rows": [["m", "+391"], ["p", "+391"]]}, {"Rows": [["m", "+391"]]}),
    ):
        found = lens.decode(both, _points(_phone("+391")))
        assert [sorted(point.slot.split()) for point in found["contact_points"]] == [["mobile", "work"]]
        assert _slots(lens.decode(one, found)) == [("+391", "mobile")]


def test_a_slot_that_both_sides_moved_is_kept_by_whom_the_policy_says() -> None:
    """The other's number is not lost."""
    base, theirs = {"Mobile": "+391"}, {"Mobile": "+392"}
    ours = _points(_phone("+393"))
    assert _slots(_SLOTS.merge(base, theirs, ours, theirs_first=True)) == [("+392", "mobile"), ("+393", "other")]
    assert _slots(_SLOTS.merge(base, theirs, ours, theirs_first=False)) == [("+393", "mobile"), ("+392", "other")]


def test_elements_are_merged_each_with_its_own_base() -> None:
    """One side adds, the other removes and corrects: all of it holds."""
    base = {"Rows": [["m", "+391"], ["p", "+392"]]}
    theirs = {"Rows": [["m", "+399"], ["p", "+392"], ["e", "ada@example.org"]]}
    ours = _points(_phone("+391"), _phone("+398", "other"))  # the work number was removed here
    found = _ROWS.merge(base, theirs, ours, theirs_first=True)
    assert sorted(_slots(found)) == [("+398", "other"), ("+399", "mobile"), ("ada@example.org", "main")]


def test_points_that_a_crm_has_no_place_for_live_on() -> None:
    """A WhatsApp id is no phone field's business."""
    chat = ContactPoint("whatsapp", "page", "39333")
    canonical = _points(chat, _phone("+391"))
    assert _ROWS.encode(canonical) == {"Rows": [["m", "+391"]]}
    assert _ROWS.decode({"Rows": []}, canonical) == {"contact_points": (chat,)}


def test_rows_of_a_slot_without_type_are_of_the_first_type_of_their_kind() -> None:
    """And a person may say better, without the number being taken for a new one."""
    canonical = _points(_phone("+391", "home", verified=True))
    assert _ROWS.encode(canonical) == {"Rows": [["m", "+391"]]}
    found = _ROWS.decode({"Rows": [["p", "+391"]]}, canonical)
    assert [(point.text, point.slot, point.verified) for point in found["contact_points"]] == [("+391", "work", True)]


def test_a_number_cut_by_its_field_can_still_be_removed() -> None:
    """What left the field is what the field could show of it."""
    lens = evolve(_SLOTS, limits={"Mobile": 4})
    assert lens.decode({"Mobile": None}, _points(_phone("+393331234567"))) == {"contact_points": ()}


def test_two_fields_cannot_share_a_place() -> None:
    """What a person entered into one would be written into the other."""
    with pytest.raises(errors.ConfigError, match="a place of its own for HomePhone"):
        Slots(places={"Phone": ("phone", "work"), "HomePhone": ("phone", "work")})
    with pytest.raises(errors.ConfigError):
        Children(field="Rows", types={"phone": ("phone", "work"), "business": ("phone", "work")})


# --- codecs and objects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "remote"),
    [
        ("decimal", "1,5"),
        ("date", "2026-13-01"),
        ("datetime", "2026-01-05T09:00:00"),
        ("integer", "many"),
        ("integer", 1.5),
        ("integer", True),
        ("decimal", "NaN"),
        ("decimal", "Infinity"),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("date", "2026-01-05T09:00:00"),
        ("semicolon list", 3),
        ("list", "VIP;Gold"),
        ("list", ["VIP", 3]),
    ],
)
def test_a_remote_value_of_another_type_is_a_value_error(codec: str, remote: Any) -> None:
    """What the judge then calls unreadable."""
    with pytest.raises(ValueError, match=r".+"):
        Plain(name="value", field="Value", codec=CODECS[codec]).decode({"Value": remote}, {})


@pytest.mark.parametrize(
    ("codec", "remote", "canonical", "again"),
    [
        ("decimal", 1.50, "1.5", 1.5),
        ("decimal", 20, "20", 20),
        ("decimal", 0.1, "0.1", 0.1),
        ("decimal", "12345678901234567.89", "12345678901234567.89", "12345678901234567.89"),
        ("integer", 20.0, 20, 20),
        ("integer", "20", 20, 20),
        ("boolean", False, False, False),
        ("boolean", "false", False, False),
        ("boolean", 1, True, True),
        ("date", "20260105", "2026-01-05", "2026-01-05"),
        ("semicolon list", "VIP; Gold;vip;", ("VIP", "Gold"), "VIP;Gold"),
        ("list", ["VIP", " Gold", "VIP"], ("VIP", "Gold"), ["VIP", "Gold"]),
    ],
)
def test_codecs(codec: str, remote: Any, canonical: Any, again: Any) -> None:
    """Typed here, in the CRM's own form there."""
    lens = Plain(name="value", field="Value", codec=CODECS[codec])
    found = lens.decode({"Value": remote}, {})
    assert found == {"value": canonical}
    assert lens.encode(found) == {"Value": again}


def test_a_list_in_the_order_of_the_crm_is_the_same_list() -> None:
    """A picklist comes back in the order in which its values are defined."""
    lens = Plain(name="tags", field="Tags", codec=CODECS["semicolon list"])
    assert lens.decode({"Tags": "VIP;Gold"}, {"tags": ("Gold", "VIP")}) == {}
    assert lens.decode({"Tags": "VIP"}, {"tags": ("Gold", "VIP")}) == {"tags": ("VIP",)}


def test_a_value_that_the_picklist_does_not_have_is_kept() -> None:
    """An administrator added it; it is not lost, and not written over."""
    lens = _LENSES["picklist"]
    assert lens.decode({"Kind": "Webinar"}, {"kind": "call"}) == {"kind": "Webinar"}
    assert lens.encode({"kind": "Webinar"}) == {"Kind": "Webinar"}


def test_a_mapping_learns_the_lengths_and_leaves_out_what_is_not_there() -> None:
    """From `describe`."""
    mapping = ObjectMapping(
        object="Contact",
        of="profile",
        key="Key",
        lenses=[_NAMES, Plain(name="note", field="Note"), Plain(name="loyalty", field="Loyalty", direction="from crm")],
    )
    fields = [
        FieldSchema(name=name, type="text", length=length)
        for name, length in (("First", 3), ("Last", None), ("Loyalty", 9))
    ]
    fitted = mapping.fit(ObjectSchema(name="Contact", fields={field.name: field for field in fields}))
    assert fitted.remote_fields == ("Key", "First", "Last", "Loyalty")
    assert fitted.encode({"given_name": "Augusta", "family_name": "L", "loyalty": "gold"}) == {
        "First": "Aug",
        "Last": "L",
    }


@pytest.mark.parametrize(
    ("codec", "one", "other"),
    [
        ("decimal", "5.00", 5),
        ("decimal", 0, "0.00"),
        ("integer", 5, "5"),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("datetime", "2026-01-05T09:00:00Z", "2026-01-05T10:00:00.000+01:00"),
        ("date", "2026-01-05", "20260105"),
        ("semicolon list", "VIP;Gold", "gold; vip"),
        ("list", ["VIP", "Gold"], ["gold", "VIP"]),
    ],
)
def test_one_value_in_two_forms_is_the_same(codec: str, one: Any, other: Any) -> None:
    """A CRM that gives back another form than it was given has not changed anything."""
    lens = Plain(name="value", field="Value", codec=CODECS[codec])
    assert lens.same("Value", one, other)
    assert lens.decode({"Value": other}, lens.decode({"Value": one}, {})) == {}


@pytest.mark.parametrize(
    ("codec", "held"),
    [
        ("integer", 1),
        ("decimal", "1.5"),
        ("boolean", True),
        ("date", "2026-01-05"),
        ("datetime", "2026-01-05T09:00:00+00:00"),
    ],
)
def test_an_empty_text_where_no_text_can_be_says_that_it_is_cleared(codec: str, held: Any) -> None:
    """Some CRMs know no other nothing."""
    lens = Plain(name="value", field="Value", codec=CODECS[codec])
    assert lens.decode({"Value": ""}, {"value": held}) == {"value": None}


@_bounded
@given(data=st.data())
def test_tags_are_merged_element_by_element(data: st.DataObject) -> None:
    """What we hold, in our order, without what they took out; then what they put in, in theirs."""
    lens = Plain(name="tags", field="Tags", codec=CODECS["semicolon list"])
    tags = st.lists(st.sampled_from(["vip", "gold", "press", "shop"]), unique=True)
    base, ours, theirs = (data.draw(tags) for _ in range(3))
    found = lens.merge(lens.encode({"tags": base}), lens.encode({"tags": theirs}), {"tags": ours}, theirs_first=True)
    kept = [tag for tag in ours if tag in theirs or tag not in base]
    assert found == {"tags": (*kept, *(tag for tag in theirs if tag not in base and tag not in kept))}


def test_a_tag_that_was_respelled_there_is_respelled_here() -> None:
    """It is the same tag: it stays where it was, once; one that nobody touched keeps our spelling."""
    lens = Plain(name="tags", field="Tags", codec=CODECS["semicolon list"])
    found = lens.merge({"Tags": "vip;gold"}, {"Tags": "VIP;gold;Press"}, {"tags": ("Gold", "vip")}, theirs_first=True)
    assert found == {"tags": ("Gold", "VIP", "Press")}


def test_a_list_is_cut_between_its_elements() -> None:
    """Half a tag would be another one; what did not fit is not lost when the list is edited there, and fits in then.

    That is the one place where the second law gives way: what a person sees there is a part of the list.
    """
    lens = Plain(name="tags", field="Tags", codec=CODECS["semicolon list"], limits={"Tags": 10})
    canonical = {"tags": ("vip", "gold", "customer")}
    assert lens.encode(canonical) == {"Tags": "vip;gold"}
    assert lens.decode({"Tags": "gold"}, canonical) == {"tags": ("gold", "customer")}


def test_what_a_crm_cannot_hold_is_left_out_and_known() -> None:
    """Also by the encoder that runs when records are pushed."""
    number = Plain(name="level", field="Level", codec=CODECS["integer"])
    choice = Plain(name="kind", field="Kind", allowed=frozenset({"Call"}))
    mapping = ObjectMapping(object="Contact", of="profile", lenses=[number, choice])
    assert mapping.encode({"level": "many", "kind": "visit"}) == {}
    assert mapping.unwritable({"level": "many", "kind": "visit"}) == [number, choice]
    assert mapping.encode({"level": "7", "kind": "call"}) == {"Level": 7, "Kind": "Call"}
    assert mapping.unwritable({"level": None, "kind": "call"}) == []
