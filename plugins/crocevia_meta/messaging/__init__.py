"""Private messages, as Messenger and Instagram tell and take them: both speak the Messenger Platform."""
