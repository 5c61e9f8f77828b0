"""What WhatsApp sends besides texts: choices and templates; and where its files are to be had."""

from typing import Any

import pytest
from attrs import evolve

from crocevia import Attachment, Button, ContactPoint, Message, Template
from crocevia.errors import GoneError, RejectedError
from crocevia_meta.simulator import RunningVendor
from crocevia_meta.whatsapp import WhatsApp
from crocevia_meta.whatsapp.outgoing import body

ANNA = ContactPoint("phone", "", "+393331112233")
ASKED = Message(id="c1", to=ANNA, text="Quando?", buttons=(Button(title="Oggi", id="d0"), Button(title="Domani")))


def many(number: int) -> tuple[Button, ...]:
    """So many choices."""
    return tuple(Button(title=f"Ore {hour}", id=f"h{hour}") for hour in range(number))


def test_up_to_three_choices_are_buttons() -> None:
    """What comes back is the id, or the title where there is none."""
    sent = body(ASKED)
    assert (sent["type"], sent["interactive"]) == (
        "interactive",
        {
            "type": "button",
            "body": {"text": "Quando?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "d0", "title": "Oggi"}},
                    {"type": "reply", "reply": {"id": "Domani", "title": "Domani"}},
                ]
            },
        },
    )


def test_more_choices_or_a_long_text_are_a_list() -> None:
    """Which one button opens; it is called as the settings say."""
    listed = body(evolve(ASKED, buttons=many(4)), list_button="Scegli")["interactive"]
    assert listed["action"] == {
        "button": "Scegli",
        "sections": [{"rows": [{"id": f"h{hour}", "title": f"Ore {hour}"} for hour in range(4)]}],
    }
    assert body(evolve(ASKED, text="x" * 1025))["interactive"]["type"] == "list"


def test_a_picture_goes_above_its_choices() -> None:
    """As the header of the same message."""
    picture = Attachment(kind="image", url="https://shop.example/a.png")
    sent = body(evolve(ASKED, attachments=(picture,)))["interactive"]
    assert sent["header"] == {"type": "image", "image": {"link": "https://shop.example/a.png"}}


@pytest.mark.parametrize(
    "message",
    [
        evolve(ASKED, text=None),
        evolve(ASKED, buttons=many(4), attachments=(Attachment(kind="image", key="1"),)),
        evolve(ASKED, attachments=(Attachment(kind="audio", key="1"),)),
        evolve(ASKED, attachments=(Attachment(kind="image", key="1"), Attachment(kind="image", key="2"))),
    ],
    ids=["no text", "a file and a list", "under a sound", "two files"],
)
def test_choices_that_one_message_cannot_hold_are_refused(message: Message) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(RejectedError, match="message c1"):
        body(message)


@pytest.mark.parametrize(
    ("template", "components"),
    [
        (
            Template(name="t", language="it", named={"nome": "Anna", "ordine": "A1"}),
            [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "parameter_name": "nome", "text": "Anna"},
                        {"type": "text", "parameter_name": "ordine", "text": "A1"},
                    ],
                }
            ],
        ),
        (
            Template(name="t", language="it", header="A1", parameters=("x",), buttons=("", "A1?x=1", "payload:yes")),
            [
                {"type": "header", "parameters": [{"type": "text", "text": "A1"}]},
                {"type": "body", "parameters": [{"type": "text", "text": "x"}]},
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "1",
                    "parameters": [{"type": "text", "text": "A1?x=1"}],
                },
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "2",
                    "parameters": [{"type": "payload", "payload": "yes"}],
                },
            ],
        ),
        (
            Template(
                name="t",
                language="it",
                header=Attachment(kind="document", key="77", name="fattura.pdf"),
                buttons=("code:SCONTO10",),
            ),
            [
                {
                    "type": "header",
                    "parameters": [{"type": "document", "document": {"id": "77", "filename": "fattura.pdf"}}],
                },
                {
                    "type": "button",
                    "sub_type": "copy_code",
                    "index": "0",
                    "parameters": [{"type": "coupon_code", "coupon_code": "SCONTO10"}],
                },
            ],
        ),
    ],
    ids=["named", "header and buttons", "file and code"],
)
def test_a_template_is_filled_in(template: Template, components: list[dict[str, Any]]) -> None:
    """Header, body by place or by name, buttons by what each takes."""
    assert body(Message(id="c1", to=ANNA, template=template))["template"]["components"] == components


def test_choices_are_taken_by_the_vendor(vendor: RunningVendor, connected: WhatsApp) -> None:
    """Buttons and a list, over HTTP, each once; a title that is too long is refused there."""
    vendor.customers.text("393331112233", "Ciao", name="Anna")
    keys = [connected.send(message).key for message in (ASKED, evolve(ASKED, id="c2", buttons=many(10)))]
    assert len(set(keys)) == 2
    assert vendor.customers.state()["messages_out"] == 2
    with pytest.raises(RejectedError):
        connected.send(evolve(ASKED, id="c3", buttons=(Button(title="x" * 21),)))


def test_a_received_file_is_had_with_our_token(vendor: RunningVendor, connected: WhatsApp) -> None:
    """Its URL is asked for when it is wanted, for it lives for minutes; what is no file is said to be none."""
    key = vendor.vendor.upload("image/png", b"pixels")
    source = connected.media(Attachment(kind="image", key=key))
    found = connected.http.at("", dict).request("GET", source.url, headers=source.headers)
    assert (found.status, found.body) == (200, b"pixels")
    for attachment in (Attachment(kind="image", key="404"), Attachment(kind="location", detail="1,2")):
        with pytest.raises(GoneError):
            connected.media(attachment)
