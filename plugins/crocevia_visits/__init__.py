"""Visits to a shop, as its tills tell them."""
