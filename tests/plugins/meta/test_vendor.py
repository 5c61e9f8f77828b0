"""The simulated vendor: strict towards the business, unreliable towards its webhook, exact in its books."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import evolve

from crocevia import (
    Attachment,
    ContactPoint,
    Event,
    Ignored,
    InteractionSeen,
    Message,
    Request,
    StatusReported,
    Template,
    Unrecognised,
)
from crocevia.errors import AuthError, OutcomeUnknownError, RetryableError, ThrottledError, UndeliverableError
from crocevia.model.moment import EPOCH
from crocevia_meta.simulator import Customers, RunningVendor, VendorSettings, running_vendor
from crocevia_meta.whatsapp import WhatsApp

Parse = Callable[[bytes], list[Event]]
ANNA = ContactPoint("phone", "", "+393330000001")


def lines(folder: Path | None, name: str) -> list[dict[str, Any]]:
    """A ledger's lines."""
    assert folder is not None
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def taken(listener: Any, parse: Parse) -> dict[str, Event]:
    """What was delivered, by dedupe key; everything in it is understood."""
    events = [event for _, body in listener.taken for event in parse(body)]
    assert [event for event in events if isinstance(event, Ignored | Unrecognised)] == []
    return {event.dedupe_key: event for event in events if not isinstance(event, Ignored | Unrecognised)}


def test_a_day_arrives_whole_through_refusals_batches_and_repetitions(
    listener: Any, vendor_settings: VendorSettings, parse: Parse, whatsapp: WhatsApp
) -> None:
    """Every leaf of the ledger is delivered and understood, however often; the signature holds."""
    listener.answers = [503, 200, 500, 200, 200, 404, 200, 429]
    with running_vendor(evolve(vendor_settings, redelivery_rate=0.5, seed=7)) as vendor:
        customers = vendor.customers
        for number in range(8):
            address = f"39333000000{number}"
            first = customers.text(address, f"ciao {number}", name=f"N{number}")
            customers.photo(address, "ecco")
            customers.edit(address, first, "ciao!")
            customers.react(address, first, "👍")
            customers.revoke(address, first)
        customers.text("US.1349", "senza numero", name="Bea")
        customers.change_number("393330000001", "393330000099")
        assert customers.wait_idle(20)
        assert customers.state()["undelivered"] == 0
    sent = lines(vendor_settings.ledger, "vendor_sent.jsonl")
    events = taken(listener, parse)
    ids = {line["id"] for line in sent}
    assert {event.key for event in events.values()} == ids  # type: ignore[union-attr]  # no status was sent
    assert Counter(line["kind"] for line in sent if not line["redelivery"]) == {
        "message": 17,
        "edit": 8,
        "reaction": 8,
        "removed": 8,
        "system": 1,
    }
    assert sum(line["redelivery"] for line in sent) == len(sent) - len(ids) > 0
    assert len(listener.refused) == 4
    for headers, body in listener.taken:
        whatsapp.verify(Request(method="POST", url=listener.url, headers=headers, body=body), EPOCH, {})


def test_a_reply_is_written_down_and_its_statuses_bring_our_id(
    vendor: RunningVendor, connected: WhatsApp, listener: Any, vendor_settings: VendorSettings, parse: Parse
) -> None:
    """Sent, delivered, perhaps read: each under `<wamid>:<status>` in the ledger."""
    asked = vendor.customers.text("393330000001", "Ci siete?", name="Anna")
    receipt = connected.send(Message(id="command 1", to=ANNA, text="Sì!", in_reply_to=asked))
    assert vendor.customers.wait_idle()
    (received,) = lines(vendor_settings.ledger, "vendor_received.jsonl")
    assert received["id"] == receipt.key
    assert (received["to"], received["callback"]) == ("393330000001", "command 1")
    assert received["text_sha256"] == hashlib.sha256("Sì!".encode()).hexdigest()
    statuses = [event for event in taken(listener, parse).values() if isinstance(event, StatusReported)]
    assert {"sent", "delivered"} <= {event.status for event in statuses}
    assert {(event.of, event.callback) for event in statuses} == {(receipt.key, "command 1")}
    sent = lines(vendor_settings.ledger, "vendor_sent.jsonl")
    assert {line["id"] for line in sent if line["kind"] == "status"} == {
        f"{receipt.key}:{event.status}" for event in statuses
    }


def test_nothing_reaches_a_failing_number(
    vendor: RunningVendor, connected: WhatsApp, listener: Any, parse: Parse
) -> None:
    """The reply is accepted, and fails later."""
    vendor.customers.text("393339999999", "Pronto?")
    connected.send(Message(id="c1", to=ContactPoint("phone", "", "+393339999999"), text="Eccoci"))
    assert vendor.customers.wait_idle()
    failed = [event for event in taken(listener, parse).values() if isinstance(event, StatusReported)]
    assert {event.status for event in failed} == {"sent", "failed"}
    assert {event.detail for event in failed} == {None, "131026: Message undeliverable"}


def test_the_window_is_open_for_a_day_after_the_customer_wrote(vendor: RunningVendor, connected: WhatsApp) -> None:
    """Then only a template goes."""
    message = Message(id="c1", to=ANNA, text="Buongiorno")
    with pytest.raises(UndeliverableError, match="131047"):
        connected.send(message)
    connected.send(evolve(message, id="c2", text=None, template=Template(name="hello_world", language="en_US")))
    vendor.customers.text("393330000001", "Eccomi")
    connected.send(evolve(message, id="c3"))
    vendor.customers.close_window("393330000001")
    with pytest.raises(UndeliverableError, match="131047"):
        connected.send(evolve(message, id="c4"))


def test_somebody_who_hides_the_number_is_answered_by_user_id(
    vendor: RunningVendor, connected: WhatsApp, listener: Any, parse: Parse
) -> None:
    """The conversation and the address that came in are those that go out."""
    vendor.customers.text("IT.7000000000001", "Ciao", name="Bea")
    assert vendor.customers.wait_idle()
    (seen,) = taken(listener, parse).values()
    assert isinstance(seen, InteractionSeen)
    connected.send(
        Message(
            id="c1", to=seen.customer.points[0], conversation=seen.conversation, text="Ciao Bea", in_reply_to=seen.key
        )
    )
    thread = vendor.customers.thread("IT.7000000000001")
    assert [(message["direction"], message["type"]) for message in thread] == [
        ("inbound", "text"),
        ("outbound", "text"),
    ]


def test_a_photo_can_be_fetched_with_the_token_only(vendor: RunningVendor, listener: Any, parse: Parse) -> None:
    """By its media id, then by the URL that Meta gives for it."""
    vendor.customers.photo("393330000001", "Arrivato rotto")
    assert vendor.customers.wait_idle()
    (seen,) = taken(listener, parse).values()
    assert isinstance(seen, InteractionSeen)
    headers = {"Authorization": "Bearer access token"}
    media = requests.get(f"{vendor.url}/v23.0/{seen.attachments[0].key}", headers=headers, timeout=5).json()
    assert requests.get(media["url"], headers=headers, timeout=5).content.startswith(b"\x89PNG")
    assert requests.get(media["url"], timeout=5).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"typo": 1},
        {"text": {"body": "x" * 4097}},
        {"text": {"body": "x", "colour": "red"}},
        {"type": "hologram"},
        {"messaging_product": "sms"},
        {"to": "not a number"},
        {"context": {"id": "wamid.1"}},
        {"biz_opaque_callback_data": ""},
        {"type": "image", "image": {"link": "https://x.example/a.png", "id": "1"}},
        {"type": "template", "template": {"name": "order_update", "language": {"code": "en_US"}}},
        {"type": "template", "template": {"name": "unknown", "language": {"code": "en_US"}}},
    ],
)
def test_what_meta_would_not_take_is_refused(change: dict[str, Any], vendor: RunningVendor) -> None:
    """Nothing is accepted then."""
    vendor.customers.text("393330000001", "Ciao")
    message = {"messaging_product": "whatsapp", "to": "393330000001", "type": "text", "text": {"body": "x"}, **change}
    if message["type"] != "text":
        del message["text"]
    answer = requests.post(
        f"{vendor.url}/v23.0/106540352242922/messages",
        json=message,
        headers={"Authorization": "Bearer access token"},
        timeout=5,
    )
    assert answer.status_code in (400, 404), answer.text
    assert vendor.customers.state()["messages_out"] == 0


def test_faults_are_what_the_connector_must_tell_apart(vendor: RunningVendor, connected: WhatsApp) -> None:
    """Throttled and unavailable: not sent. A lost answer: sent, and not known to be."""
    vendor.customers.text("393330000001", "Ciao")
    message = Message(id="c1", to=ANNA, text="x")
    expected = {"throttled": ThrottledError, "unavailable": RetryableError, "lost answer": OutcomeUnknownError}
    for fault, error in expected.items():
        vendor.customers.fault(fault)
        with pytest.raises(error):
            connected.send(message)
    assert vendor.customers.state()["messages_out"] == 1


def test_media_go_out_by_id_and_by_link(vendor: RunningVendor, connected: WhatsApp) -> None:
    """An id must have been uploaded."""
    vendor.customers.text("393330000001", "Ciao")
    uploaded = vendor.vendor.upload("image/png", b"x")
    for attachment in (Attachment(kind="image", key=uploaded), Attachment(kind="image", url="https://x.example/a.png")):
        connected.send(Message(id="c1", to=ANNA, text="Ecco", attachments=(attachment,)))
    with pytest.raises(AuthError, match="100"):
        connected.send(Message(id="c2", to=ANNA, attachments=(Attachment(kind="image", key="404"),)))


@pytest.mark.slow
def test_a_killed_vendor_goes_on_where_it_was(listener: Any, tmp_path: Path, parse: Parse) -> None:
    """Killed with deliveries undone, then started again: everything arrives; what left before is marked."""
    environment = {**os.environ, "WHATSAPP_APP_SECRET": "app secret", "WHATSAPP_ACCESS_TOKEN": "access token"}
    command = [sys.executable, "-m", "crocevia_meta.simulator", "--ledger", str(tmp_path), "--webhook", listener.url]
    command += ["--store", str(tmp_path / "vendor.sqlite"), "--longest-s", "60", "--exit-with-parent"]
    listener.answers = [503] * 1000
    ids = set()
    for death in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            customers = Customers(process.stdout.readline().strip())
            if death == signal.SIGKILL:
                ids = {customers.text(f"39333000000{number}", "ciao") for number in range(5)}
                assert not customers.wait_idle(0.5)
            else:
                listener.answers.clear()
                assert customers.wait_idle(20)
            customers.close()
            process.send_signal(death)
            process.wait(10)
    assert {event.key for event in taken(listener, parse).values()} == ids  # type: ignore[union-attr]  # messages only
    sent = lines(tmp_path, "vendor_sent.jsonl")
    assert {line["id"] for line in sent if not line["redelivery"]} == ids
    assert len([line for line in sent if not line["redelivery"]]) == len(ids)


def test_a_missing_credential_is_named() -> None:
    """And nothing starts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_")}
    command = [sys.executable, "-m", "crocevia_meta.simulator"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr == "set the environment variable WHATSAPP_APP_SECRET and WHATSAPP_ACCESS_TOKEN\n"
