"""A file that came or goes with an interaction, by reference."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Attachment:
    """One file by reference; Crocevia keeps no copy of its bytes.

    Attributes:
        kind: `"image"`, `"audio"`, `"voice"`, `"video"`, `"document"`, `"sticker"`, `"location"`, `"contact"`...
        key: The vendor's media id; None when there is only a URL.
        url: Where it may be fetched, often short-lived; None when only the vendor's API gives it.
        mime_type: As the vendor says; None when unsaid.
        name: File name, place name or contact name; None when unsaid.
        size_bytes: None when unsaid.
        sha256: Hex or base64 as the vendor gives it; None when unsaid.
        detail: A short text for things that are not files: `"45.07,7.68"` for a location.
    """

    kind: str
    key: str | None = None
    url: str | None = None
    mime_type: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    detail: str | None = None
