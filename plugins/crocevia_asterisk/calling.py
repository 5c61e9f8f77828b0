"""Click-to-call: an agent's telephone rings; when it is taken, the exchange calls the customer."""

from __future__ import annotations

from crocevia import Message, Receipt
from crocevia.errors import AuthError, RejectedError, UndeliverableError
from crocevia_asterisk.ami import Ami
from crocevia_asterisk.packets import text_of
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.sides import OURS


def telephone(message: Message, settings: Settings) -> str:
    """Which telephone rings first: that of who wants to call.

    Raises:
        RejectedError: nobody's is known.
    """
    found = settings.agents.get(message.author or "") or settings.agent
    if not found:
        said = f"call {message.id}: no telephone is known for who wants to make it: add him to agents, or set agent"
        raise RejectedError(said)
    return found


def dialled(message: Message, settings: Settings) -> str:
    """The customer's number, as the dial plan wants it.

    Raises:
        UndeliverableError: it is no telephone number.
    """
    if message.to.kind != "phone":
        raise UndeliverableError(f"call {message.id}: a {message.to.kind} cannot be called, only a phone")
    number = message.to.value
    if not number.removeprefix("+").isdigit():
        raise UndeliverableError(f"call {message.id}: the customer's number has more than digits in it")
    if number.startswith("+"):
        number = settings.international_prefix + number[1:]
    return settings.outside_prefix + number


def by_ami(message: Message, settings: Settings, connection: str) -> Receipt:
    """`Originate`, asynchronously, with our id as the channel's: it is the linked id of all that follows.

    Raises:
        RetryableError: the exchange was not reached.
        OutcomeUnknownError: it was asked and did not answer.
        RejectedError: it refuses.
    """
    number, device = dialled(message, settings), telephone(message, settings)
    id_ = OURS + message.id
    with Ami(settings, connection, events="off") as ami:
        answer = ami.ask(
            "Originate",
            ActionID=id_,
            Channel=device,
            ChannelId=id_,
            OtherChannelId=f"{id_}-2" if device.startswith("Local/") else "",
            Context=settings.dial_context,
            Exten=number,
            Priority="1",
            Timeout=str(settings.ring_seconds * 1000),
            CallerID=settings.caller_id,
            Async="true",
        )
    if text_of(answer, "Response") == "Success":
        return Receipt(key=id_)
    told = text_of(answer, "Message")
    if "permission" in told.lower():
        raise AuthError(f"{connection}: {settings.user!r} may not originate: write = originate in manager.conf")
    raise RejectedError(f"{connection}: call {message.id} is refused ({told[:80]}): look at agents and dial_context")
