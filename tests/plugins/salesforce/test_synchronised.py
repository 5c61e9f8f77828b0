"""The whole way: a customer writes on a channel, somebody works in Salesforce, and a second CRM follows."""

from datetime import timedelta

from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions

__all__ = ["crossroads"]


def test_a_customer_who_writes_is_a_contact_with_an_interaction(crossroads: Crossroads, org: Simulator) -> None:
    """Once each; at rest one call for all that is polled, and nothing is written."""
    crossroads.chat.write("ada", "Open today?\n🙂 ", name="Ada Rossi", phone="+393471234567")
    last = crossroads.settle()

    [contact] = contacts(org)
    [interaction] = interactions(org)
    assert contact["MobilePhone"] == "+393471234567"
    assert interaction["Contact__c"] == contact["Id"]
    assert (interaction["Direction__c"], interaction["Body__c"], interaction["Status__c"]) == (
        "Inbound",
        "Open today?\n🙂",
        "Received",
    )
    assert last == ["POST composite"]


def test_what_a_person_corrects_in_salesforce_reaches_the_other_crm(crossroads: Crossroads, org: Simulator) -> None:
    """A name, a number in his own writing, and a new address; nothing is written back over it."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    typed = {"FirstName": "Ada Maria", "LastName": "Rossi", "MobilePhone": "347 765 4321", "Email": "ada@example.com"}

    org.admin.update("Contact", contact["Id"], typed)
    crossroads.settle()

    [person] = crossroads.crm.records("Person").values()
    shown = {name: value for name, value in person.items() if name in ("first", "last", "mobile", "email")}
    assert shown["first"] == "Ada Maria"
    assert shown["last"] == "Rossi"
    assert shown["email"] == "ada@example.com"
    assert shown["mobile"].replace(" ", "").removeprefix("+39") == "3477654321"
    assert contacts(org) == [{"Id": contact["Id"], **typed}]


def test_what_the_other_crm_corrects_reaches_salesforce(crossroads: Crossroads, org: Simulator) -> None:
    """Only what differs is written."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [person] = crossroads.crm.records("Person")

    crossroads.crm.edit(person, first="Ada", last="Rossi Verdi")
    crossroads.settle()

    [contact] = contacts(org)
    assert (contact["FirstName"], contact["LastName"]) == ("Ada", "Rossi Verdi")
    update = [found for found in org.admin.mutations() if found["object"] == "Contact"][-1]
    assert set(update["values"]) == {"FirstName", "LastName", "Crocevia_Revision__c"}


def test_an_answer_written_in_salesforce_is_sent_once(crossroads: Crossroads, org: Simulator) -> None:
    """Its record is the one the person wrote, and then says how the message fares."""
    crossroads.chat.write("ada", "Open today?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    answer = {
        "Contact__c": contact["Id"],
        "Direction__c": "Outbound",
        "Status__c": "To Send",
        "Body__c": "Until seven.",
    }

    (remote_id,) = org.admin.create("Interaction__c", answer)
    crossroads.settle()

    [message] = crossroads.chat.sent
    sent = next(found for found in interactions(org) if found["Id"] == remote_id)
    assert (message.text, message.to.value) == ("Until seven.", "ada")
    assert (sent["Status__c"], sent["Body__c"]) == ("Delivered", "Until seven.")
    assert sent["Message_Id__c"]
    assert sent["Crocevia_Key__c"]
    assert len(interactions(org)) == 2


def test_contacts_that_are_there_already_are_adopted(crossroads: Crossroads, org: Simulator) -> None:
    """By their number, however it was typed, before anything is created."""
    (known,) = org.admin.create("Contact", {"LastName": "Rossi", "MobilePhone": "347 123 4567"})
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert [contact["Id"] for contact in contacts(org)] == [known]
    assert [interaction["Contact__c"] for interaction in interactions(org)] == [known]


def test_a_contact_deleted_in_salesforce_is_not_revived(crossroads: Crossroads, org: Simulator) -> None:
    """The profile lives on in the other CRM."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    org.admin.delete("Contact", contacts(org)[0]["Id"])
    crossroads.settle()
    crossroads.chat.write("ada", "Still there?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert contacts(org) == []
    assert len(crossroads.crm.records("Person")) == 1
    assert len(crossroads.crm.records("Touch")) == 2


def test_a_contact_merged_in_salesforce_goes_on_as_its_survivor(crossroads: Crossroads, org: Simulator) -> None:
    """Also for what was on its way: nothing is lost, nothing doubled."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    (kept,) = org.admin.create("Contact", {"LastName": "Rossi"})
    org.admin.merge("Contact", kept, contact["Id"])
    crossroads.chat.write("ada", "Are you there?", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()

    assert [found["Id"] for found in contacts(org)] == [kept]
    assert {interaction["Contact__c"] for interaction in interactions(org)} == {kept}
    assert sorted(interaction["Body__c"] for interaction in interactions(org)) == ["Are you there?", "Hello"]


def test_a_backlog_of_known_customers_is_one_call_a_thousand(crossroads: Crossroads, org: Simulator) -> None:
    """By the org's own count."""
    for number in range(20):
        crossroads.chat.write(f"user{number}", "Hello", name=f"User {number}", phone=f"+3934712300{number:02}")
    crossroads.settle()
    seen = max(call["seq"] for call in org.admin.calls())
    for number in range(1_000):
        crossroads.chat.write(f"user{number % 20}", f"message {number}")
    crossroads.settle()

    writes = [call for call in org.admin.calls(seen) if call["write"]]
    assert len(interactions(org)) == 1_020
    assert len(writes) <= 2


def identities(org: Simulator) -> list[tuple[str, str | None, str]]:
    """Kind, scope and address of every living child row."""
    rows = org.admin.query("SELECT Kind__c, Scope__c, Address__c FROM Identity__c ORDER BY Kind__c, Address__c")
    return [(row["Kind__c"], row["Scope__c"], row["Address__c"]) for row in rows]


def test_a_channels_own_id_is_a_child_row_of_the_contact(crossroads: Crossroads, org: Simulator) -> None:
    """What a person adds and takes away there is heard, though the contact's own stamp does not move."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    written = identities(org)

    (row,) = org.admin.create(
        "Identity__c", {"Contact__c": contact["Id"], "Kind__c": "email", "Address__c": "ada@home.example"}
    )
    crossroads.settle()
    told, [person] = identities(org), crossroads.crm.records("Person").values()
    org.admin.delete("Identity__c", row)
    crossroads.settle()

    assert written == [("memory", "shop", "ada")]
    assert ("email", None, "ada@home.example") in told
    assert [found["Email"] for found in contacts(org)] == [None]
    assert person["email"] is None
    assert ("email", None, "ada@home.example") not in identities(org)


def test_a_field_that_is_hidden_is_left_out_and_the_rest_goes_on(crossroads: Crossroads, org: Simulator) -> None:
    """Of reads and of writes: one field is put aside, nobody is lost."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    org.admin.set_rules({"hidden": ["Contact.HomePhone", "Interaction__c.Subject__c"]})
    org.admin.update("Contact", contact["Id"], {"FirstName": "Ada Maria"})
    crossroads.chat.write("ada", "Still there?")
    crossroads.chat.write("bob", "Me too", name="Bob Neri", phone="+393470000000")
    crossroads.settle()

    [ada, bob] = contacts(org)
    assert (ada["FirstName"], bob["LastName"]) == ("Ada Maria", "Bob Neri")
    assert len(interactions(org)) == 3
    assert "Ada Maria" in [person["first"] for person in crossroads.crm.records("Person").values()]


def test_a_contact_undeleted_in_salesforce_goes_on(crossroads: Crossroads, org: Simulator) -> None:
    """As the same record; what came meanwhile follows."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.settle()
    [contact] = contacts(org)
    org.admin.delete("Contact", contact["Id"])
    crossroads.settle()
    org.admin.advance(timedelta(seconds=2))
    org.admin.undelete("Contact", contact["Id"])
    crossroads.settle()
    crossroads.chat.write("ada", "I am back")
    crossroads.settle()

    assert [found["Id"] for found in contacts(org)] == [contact["Id"]]
    assert {found["Contact__c"] for found in interactions(org)} == {contact["Id"]}
    assert sorted(found["Body__c"] for found in interactions(org)) == ["Hello", "I am back"]
