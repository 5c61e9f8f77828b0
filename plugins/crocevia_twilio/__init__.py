"""Twilio: calls and text messages over telephone numbers.

What both kinds share (account, signature, form, history) is in modules of its own.
"""

from typing import Any

from crocevia import Connector, hookimpl
from crocevia_twilio.sms import TwilioSms
from crocevia_twilio.voice import TwilioVoice

__all__ = ["TwilioSms", "TwilioVoice"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """Text messages, and calls."""
    return [TwilioSms, TwilioVoice]
