"""Asterisk, a telephone exchange: calls in and out."""
