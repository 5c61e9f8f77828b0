"""Who may read an answer: what was said in private is never answered in public. Pure."""

from __future__ import annotations

from crocevia.model import Capabilities


def audience(*, asked: bool | None, of_public: bool, by_default: bool, limits: Capabilities) -> bool | str:
    """Whether an answer goes out in public; or why it does not go at all.

    Args:
        asked: What its record in the CRM says; None: nothing.
        of_public: Whether what it answers is public. Without anything to answer, it is not.
        by_default: Whether answers to what is public are public where the record does not say.
        limits: Of its conversation.
    """
    if asked and not of_public:
        return "what it answers was said in private: an answer to that is never public"
    if of_public and (asked or (asked is None and by_default)):
        if limits.public:
            return True
        if asked:
            return "nothing can be said in public here: send it in private"
    if limits.private:
        return False
    if of_public and asked is None:
        return "others would read it: if they may, mark the answer as public"
    return "others would read it here: nothing can be said in private"
