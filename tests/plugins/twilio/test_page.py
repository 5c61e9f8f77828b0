"""The page about Twilio tells settings that there are, and every one of them."""

from crocevia_twilio import TwilioSms, TwilioVoice
from tests.plugins.road_settings import named_in, printed


def test_the_settings_of_the_page_are_settings() -> None:
    """Each block is read as the daemon reads it, and every setting is named somewhere."""
    sms, phone = printed("twilio.md", TwilioSms, TwilioVoice)
    assert (sms.sender, sms.webhook_url) == ("+390212345678", "https://crossroads.example/hooks/sms")
    assert (phone.dial, phone.voicemail) == (("+390299999999", "client:anna"), True)
    assert named_in("twilio.md", TwilioSms) | named_in("twilio.md", TwilioVoice) == set()
