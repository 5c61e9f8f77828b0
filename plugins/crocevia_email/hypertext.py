"""HTML of mails as text."""

from __future__ import annotations

import re
from typing import Any

from inscriptis import Inscriptis  # type: ignore[import-untyped]  # ships none
from inscriptis.css_profiles import CSS_PROFILES  # type: ignore[import-untyped]  # ships none
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # ships none
from lxml import etree, html  # type: ignore[import-untyped]  # ships none

from crocevia_email import quoting
from crocevia_email.words import clean

_LONGEST = 1_000_000
_DEEPEST = 200
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False, display_images=False)
_QUOTES = "//blockquote[@type='cite' or contains(@class, 'gmail_quote') or contains(@class, 'moz-cite')]"
_UNSEEN = "//script | //style | //head | //template | //comment() | //processing-instruction()"
_TAG = re.compile(r"<[^<>]{0,2000}>")


def said(text: str, *, keeps_quotes: bool) -> tuple[str, str]:
    """The text that a reader sees, without and with what is quoted. Never raises."""
    text = text[:_LONGEST]
    try:
        whole = _rendered(_tree(text))
        if keeps_quotes:
            return whole, whole
        tree = _tree(text)
        for node in tree.xpath(_QUOTES):
            _cut(node)
        return quoting.new(_rendered(tree)) or whole, whole
    except (etree.LxmlError, ValueError, RecursionError, IndexError, KeyError, TypeError, AttributeError):
        plain = clean(" ".join(_TAG.sub(" ", text).split()))
        return plain, plain


def _tree(text: str) -> Any:
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, huge_tree=False)
    tree = html.document_fromstring(f"<div>{text}</div>".encode(), parser=parser)
    for node in tree.xpath(_UNSEEN):
        _cut(node)
    if any(_is_deeper(node) for node in tree.iter() if len(node) == 0):
        raise RecursionError
    return tree


def _is_deeper(node: Any) -> bool:
    return sum(1 for _ in zip(node.iterancestors(), range(_DEEPEST), strict=False)) >= _DEEPEST


def _cut(node: Any) -> None:
    """Take a node away and leave the text behind it."""
    if node.getparent() is not None:
        node.drop_tree() if hasattr(node, "drop_tree") else node.getparent().remove(node)


def _rendered(tree: Any) -> str:
    lines = (line.rstrip() for line in clean(Inscriptis(tree, _CONFIG).get_text()).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
