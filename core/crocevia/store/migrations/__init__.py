"""Migrations, run by `crocevia.store.migrate`."""
