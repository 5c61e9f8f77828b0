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
_MOST_NODES = 20_000
_DEEPEST = 150
"""Deeper or larger trees are set without a layout: that takes a stack, and about 0.01 ms a node."""
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False, display_images=False)
_QUOTES = "//blockquote[@type='cite' or contains(@class, 'gmail_quote') or contains(@class, 'moz-cite')]"
_UNSEEN = "//script | //style | //head | //template | //comment() | //processing-instruction()"
_BLOCKS = frozenset({"address", "article", "blockquote", "br", "div", "h1", "h2", "h3", "h4", "li", "p", "table", "tr"})
_TAG = re.compile(r"<[^<>]{0,2000}>")


def said(text: str, *, keeps_quotes: bool) -> tuple[str, str]:
    """The text that a reader sees, without and with what is quoted. Never raises."""
    text = text[:_LONGEST]
    try:
        tree = _tree(text)
        whole = _rendered(tree)
        quotes = tree.xpath(_QUOTES)
        if keeps_quotes:
            return whole, whole
        for node in quotes[:_MOST_NODES]:
            node.clear(keep_tail=True)
            node.tag, node.text = "p", ">"  # as plain text marks it: what stands below may be new
        new = quoting.new(_rendered(tree) if quotes else whole)
        return new if new.strip("> \n") else whole, whole
    except (etree.LxmlError, ValueError, LookupError, TypeError, AttributeError):
        plain = clean(" ".join(_TAG.sub(" ", text).split()))
        return plain, plain


def _tree(text: str) -> Any:
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, huge_tree=False)
    tree = html.document_fromstring(f"<div>{text}</div>".encode(), parser=parser)
    for node in tree.xpath(_UNSEEN)[:_MOST_NODES]:
        _cut(node)
    return tree


def _cut(node: Any) -> None:
    """Take a node away and leave the text behind it."""
    if node.getparent() is not None:
        node.drop_tree()


def _rendered(tree: Any) -> str:
    found = _plain(tree) if _is_unwieldy(tree) else Inscriptis(tree, _CONFIG).get_text()
    lines = (line.rstrip() for line in clean(found).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _is_unwieldy(tree: Any) -> bool:
    depth = nodes = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        nodes += event == "start"
        if depth > _DEEPEST or nodes > _MOST_NODES:
            return True
    return False


def _plain(tree: Any) -> str:
    """The text in order, with line ends where blocks begin and end."""
    pieces: list[str] = []
    for event, node in etree.iterwalk(tree, events=("start", "end")):
        if isinstance(node.tag, str) and node.tag in _BLOCKS:
            pieces.append("\n")
        said = (node.text if isinstance(node.tag, str) else None) if event == "start" else node.tail
        pieces.append(re.sub(r"\s+", " ", said or ""))
    return re.sub(r"\s*\n\s*", "\n", "".join(pieces))
