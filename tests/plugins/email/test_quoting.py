"""What is new in an answer."""

import time

import pytest

from crocevia_email import hypertext, quoting

CASES = {
    "Gmail, Italian, over two lines": (
        "Va bene.\n\nIl giorno lun 20 nov 2026 alle ore 10:00 Negozio <a@shop.example>\nha scritto:\n\n> Vuole?\n",
        "Va bene.",
    ),
    "Gmail, English": ("Fine.\n\nOn Mon, Nov 20, 2026 at 10:00 AM Shop <info@shop.example> wrote:\n> Do you?", "Fine."),
    "three lines": ("Ok\nOn Mon, Nov 20, 2026\nat 10:00 AM Shop\n<info@shop.example> wrote:\n> ?", "Ok"),
    "answer below": ("On Monday Anna wrote:\n> Do you?\n\nYes, I do.", "Yes, I do."),
    "answers between": ("> One?\nYes.\n> Two?\nNo.", "Yes.\nNo."),
    "Outlook, Italian": (
        (
            "Grazie!\n\n________________________________\nDa: Negozio <info@shop.example>\n"
            "Inviato: lunedì 20 novembre 2026\nA: Anna\nOggetto: Taglie\n\nVuole?"
        ),
        "Grazie!",
    ),
    "Outlook, English, old": ("Thanks\n\n-----Original Message-----\nFrom: Shop\nSent: Monday\n\nDo you?", "Thanks"),
    "Outlook, English, bold": ("Thanks\n\n*From:* Shop\n*Sent:* Monday\n*To:* Anna\n*Subject:* x\n\nDo you?", "Thanks"),
    "attribution without marks": ("Sure.\n\nOn 20 Nov 2026, at 10:00, Shop wrote:\n\nDo you?", "Sure."),
    "nothing but a quote": ("> Only this", "> Only this"),
    "words that look like it": (
        "On Monday I wrote a letter.\nFrom: here to there.\nIl giorno dopo sono tornata.",
        "On Monday I wrote a letter.\nFrom: here to there.\nIl giorno dopo sono tornata.",
    ),
    "signature stays": ("Ciao\n\n-- \nAnna Rossi\n333 1234567", "Ciao\n\n-- \nAnna Rossi\n333 1234567"),
    "empty": ("", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_quoted_is_folded_away(name: str) -> None:
    """And nothing that the customer wrote."""
    text, new = CASES[name]
    assert quoting.new(text) == new


HTML = {
    "Gmail": (
        (
            '<div dir="ltr">Va bene</div><br><div class="gmail_quote"><div class="gmail_attr">Il giorno lun 20 nov '
            '2026 Negozio &lt;<a>info@shop.example</a>&gt; ha scritto:<br></div><blockquote class="gmail_quote">Vuole?'
            "</blockquote></div>"
        ),
        "Va bene",
    ),
    "below, as Thunderbird writes": (
        (
            '<div class="moz-cite-prefix">On 20/11/26 Shop wrote:<br></div><blockquote type="cite">Do you?</blockquote>'
            "<p>Yes.</p>"
        ),
        "Yes.",
    ),
    "tables and lists": (
        "<table><tr><td>Taglia</td><td>M</td></tr></table><ul><li>uno</li></ul>",
        "Taglia  M\n\n  * uno",
    ),
    "what is not seen": ("<style>p {color: red}</style><script>alert(1)</script><p>Ciao<!-- x --></p>", "Ciao"),
    "words split by tags": ("<p>Ci<b>ao</b> &egrave;&nbsp;qui</p>", "Ciao è qui"),
    "nothing but a quote": ('<blockquote type="cite">Only this</blockquote>', "Only this"),
}


@pytest.mark.parametrize("name", HTML)
def test_html_becomes_what_a_reader_sees(name: str) -> None:
    """Without what it quotes."""
    text, new = HTML[name]
    found = hypertext.said(text, keeps_quotes=False)[0]
    assert [line.strip() for line in found.split("\n")] == [line.strip() for line in new.split("\n")]


@pytest.mark.parametrize(
    "unit", ["On ", "On a\n", "On " + "a " * 170 + "\n", "a" * 380 + " <\n", "From: a\n", ">", "_"], ids=range(7)
)
def test_a_hostile_text_takes_no_time(unit: str) -> None:
    """What is read is what a stranger wrote: 100,000 characters of anything take about a second of work at most."""
    began_s = time.process_time()
    quoting.new(unit * (100_000 // len(unit)))
    assert time.process_time() - began_s < 2.0


@pytest.mark.parametrize(
    "unit", ["<div>", "<p>", "<table><tr><td>", "<td>", "<blockquote type=cite>a", "<", "&lt;", "<b><i>"]
)
def test_a_hostile_page_takes_little_time(unit: str) -> None:
    """Depth without end, nodes without number."""
    began_s = time.process_time()
    hypertext.said(unit * (50_000 // len(unit)), keeps_quotes=False)
    assert time.process_time() - began_s < 3.0


def test_a_tree_too_deep_or_too_large_to_be_set_is_still_read() -> None:
    """In order, a line for each block."""
    for unit in ("<div>", "<span>"):
        assert hypertext.said(f"<p>uno</p>{unit * 160}due<p>tre", keeps_quotes=False)[0] == "uno\ndue\ntre"
    many = hypertext.said("<p>a b</p>" * 25_000, keeps_quotes=False)[0]
    assert many == "\n".join(["a b"] * 25_000)


def test_flowed_lines_are_joined() -> None:
    """RFC 3676: a space at the end goes on, a quote does not flow into what is not one."""
    assert quoting.unflowed("One \nline.\n>> two \n>> deep\nnew\n-- \nsig") == "One line.\n>> two deep\nnew\n-- \nsig"
