"""Webhooks, health, metrics and the read-only pages: everything that answers over HTTP."""
