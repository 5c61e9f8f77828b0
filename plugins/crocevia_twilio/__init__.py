"""Twilio: calls and text messages over telephone numbers."""
