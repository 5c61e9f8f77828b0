"""The roads beside WhatsApp, played in one process: the telephone company, the post office, the exchange."""
