"""Lenses: how canonical fields are seen as a CRM's fields, both ways."""

from crocevia.mapping.codec import AS_IS, CODECS, Codec, picklist
from crocevia.mapping.contact_points import Children, Slots
from crocevia.mapping.lens import FullName, Lens, Names, Plain, Reference, same
from crocevia.mapping.object import ObjectMapping

__all__ = [
    "AS_IS",
    "CODECS",
    "Children",
    "Codec",
    "FullName",
    "Lens",
    "Names",
    "ObjectMapping",
    "Plain",
    "Reference",
    "Slots",
    "picklist",
    "same",
]
