"""The script of a day: who does what, in which order. The same seed writes the same day."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal

from attrs import evolve, field, frozen

from crocevia_demo.cast import Cast, Customer, cast

Verb = Literal[
    "text",
    "photo",
    "voice",
    "location",
    "edit",
    "react",
    "revoke",
    "change number",
    "close window",
    "answer",
    "correct",
]
_LONGEST_PAUSE_S = 0.3
_BURST_S = 0.01


@frozen(kw_only=True)
class Deed:
    """One thing that somebody does.

    Attributes:
        verb: What. `answer` and `correct` are the CRM user's, everything else is the customer's.
        who: The customer who does it or whom it is about.
        id: Names what it makes, for later deeds; "" when nothing refers to it.
        of: The deed it is about; a text waits until that one has arrived.
        text: What is said; of a reaction, the emoji.
        values: Of a correction, what the CRM user types, in the CRM's names.
        ago: How old it is when it is told.
        late: Of an answer, whether the channel takes it no more.
        pause_s: How long the next deed waits.
    """

    verb: Verb
    who: str
    id: str = ""
    of: str = ""
    text: str = ""
    values: Mapping[str, str] = field(factory=dict)
    ago: timedelta = timedelta()
    late: bool = False
    pause_s: float = 0.0


@frozen
class Day:
    """People and their deeds, in order."""

    seed: int
    cast: Cast
    deeds: tuple[Deed, ...]


_TALKS = (
    (
        "Buongiorno! Avete camere d'aria da 28?",
        "Buongiorno, sì: 7 € l'una, anche antiforatura a 11 €.",
        "Perfetto, passo dopo le cinque 🚲",
    ),
    (
        "La mia bici è pronta?",
        "Pronta da stamattina, l'aspettiamo fino alle 19.",
        "Arrivo!",
    ),
    (
        "Quanto costa una revisione completa?",
        "60 € per le muscolari, 90 € per le elettriche, pezzi esclusi.",
        "Va bene, ve la porto sabato.",
    ),
    (
        "Riparate anche i freni a disco?",
        "Certo, idraulici e meccanici.",
        "Ottimo, grazie mille",
    ),
    (
        "Mi fate un preventivo per due ruote nuove?\nMisura 700x35.",
        "Volentieri: 180 € la coppia, montate.",
        "Ci penso e vi dico.",
    ),
    (
        "Siete aperti domenica?",
        "Solo il sabato, dalle 9 alle 13.",
        "Ok 👍",
    ),
    (
        "Avete ricevuto il casco che ho ordinato?",
        "È arrivato ora, glielo teniamo da parte.",
        "Siete i migliori ❤️",
    ),
    (
        "La catena salta da ieri, è grave?",
        "Di solito è solo da registrare: passi, ci vogliono dieci minuti.",
        "Passo domattina.",
    ),
    (
        "Ho perso la chiave del lucchetto…",
        "Porti la bici e un documento, la liberiamo noi.",
        "Meno male, grazie!",
    ),
    (
        "Noleggiate cargo bike per il trasloco?",
        "Sì, 35 € al giorno, carico fino a 120 kg.",
        "Ne prendo una per giovedì",
    ),
)
"""A question, the shop's answer, and what the customer says to it."""
_ASIDES = (
    "Scusate il disturbo",
    "Un'altra cosa:",
    "Ci siete?",
    "Mi serve entro sabato",
    "È quella verde",
    "🙏",
    "Anche il cambio, se si può",
)
_EMOJI = ("👍", "❤️", "😂", "🙏", "🚲")


def day(seed: int) -> Day:
    """Write the day of a seed."""
    chance = random.Random(seed)  # noqa: S311 - a seed makes the day repeatable
    people = cast(chance)
    threads = [list(_thread(customer, chance)) for customer in people.customers]
    return Day(seed, people, tuple(_paced(_woven(threads, chance), chance)))


def quiet(seed: int) -> Day:
    """A day on which nobody does anything."""
    return Day(seed, Cast(customers=()), ())


def _thread(customer: Customer, chance: random.Random) -> Iterator[Deed]:
    """What happens between the shop and one customer."""
    who = customer.id
    talks = iter(chance.sample(_TALKS, 3))
    if who == "nobody":  # wrote yesterday; told today, and answered too late
        yield Deed(verb="text", who=who, id="nobody.1", text=next(talks)[0], ago=timedelta(hours=26))
        yield Deed(
            verb="answer",
            who=who,
            id="nobody.late",
            of="nobody.1",
            text="Scusi il ritardo! È ancora interessato?",
            late=True,
        )
        return
    yield from _talk(who, 1, next(talks), chance)
    if who in _SPECIAL:
        yield from _SPECIAL[who](who)
    if chance.random() < 0.6 and who not in ("xiaoming", "bee"):
        yield from _talk(who, 2, next(talks), chance)


def _talk(who: str, number: int, talk: tuple[str, str, str], chance: random.Random) -> Iterator[Deed]:
    """A question, perhaps in pieces; mostly an answer; a word of thanks or a reaction."""
    question, answer, thanks = talk
    first = f"{who}.{number}"
    yield Deed(verb="text", who=who, id=first, text=question)
    for aside in chance.sample(_ASIDES, chance.choice((0, 1, 1, 2, 3))):
        yield Deed(verb="text", who=who, text=aside)
    if chance.random() < 0.75 or who == "bee":
        yield Deed(verb="answer", who=who, id=f"{first}.answer", of=first, text=answer)
        if who == "bee":
            return
        if chance.random() < 0.4:
            yield Deed(verb="react", who=who, of=f"{first}.answer", text=chance.choice(_EMOJI))
        else:
            yield Deed(verb="text", who=who, id=f"{first}.thanks", text=thanks)


def _anna(who: str) -> Iterator[Deed]:
    """A contact of before the day, whose work number was mistyped there."""
    yield Deed(verb="text", who=who, id="anna.phone", text="In ufficio rispondo allo 011 555 0110, non 0101!")
    yield Deed(verb="correct", who=who, of="anna.phone", values={"Phone": "011 555 0110"})
    yield Deed(verb="answer", who=who, id="anna.noted", of="anna.phone", text="Corretto, grazie.")


def _mirella(who: str) -> Iterator[Deed]:
    yield Deed(verb="photo", who=who, id="mirella.photo", text="Si è rotto questo pezzo, ce l'avete?")
    yield Deed(verb="answer", who=who, id="mirella.spare", of="mirella.photo", text="Sì, è un forcellino: 14 €.")


def _grazia(who: str) -> Iterator[Deed]:
    yield Deed(verb="text", who=who, id="grazia.typo", text="Passo verso le 71")
    yield Deed(verb="edit", who=who, of="grazia.typo", text="Passo verso le 17")


def _giulia(who: str) -> Iterator[Deed]:
    """Corrected in the CRM from what her phone shows to her name, mobile number included."""
    yield Deed(verb="text", who=who, id="giulia.name", text="Mi segni come Giulia Marchetti, per favore")
    yield Deed(
        verb="correct",
        who=who,
        of="giulia.name",
        values={
            "FirstName": "Giulia",
            "LastName": "Marchetti",
            "Email": "giulia@marchetti.example",
            "MobilePhone": "351 987 6543",
        },
    )
    yield Deed(verb="answer", who=who, id="giulia.noted", of="giulia.name", text="Fatto! Chiamiamo sempre al 351.")


def _avraham(who: str) -> Iterator[Deed]:
    yield Deed(verb="location", who=who, id="avraham.where", text="Mole Antonelliana")
    yield Deed(verb="text", who=who, text="אפשר לאסוף את האופניים מכאן?")


def _layla(who: str) -> Iterator[Deed]:
    yield Deed(verb="voice", who=who, id="layla.voice")
    yield Deed(
        verb="answer", who=who, id="layla.heard", of="layla.voice", text="Ascoltato, le prepariamo il telaio blu."
    )


def _principessa(who: str) -> Iterator[Deed]:
    yield Deed(verb="text", who=who, id="principessa.oops", text="Il codice del cancello è 1861")
    yield Deed(verb="revoke", who=who, of="principessa.oops")


def _dario(who: str) -> Iterator[Deed]:
    yield Deed(verb="change number", who=who, id="dario.moved")
    # Not before the notice has arrived: out of order, the two numbers are two customers until a person looks.
    yield Deed(verb="text", who=who, id="dario.new", of="dario.moved", text="Ho cambiato numero, scrivete qui")
    yield Deed(verb="answer", who=who, id="dario.found", of="dario.new", text="Segnato, a presto!")


def _nicolo(who: str) -> Iterator[Deed]:
    """Hides his number."""
    yield Deed(verb="text", who=who, id="nicolo.hidden", text="Scrivo senza mostrare il numero, va bene lo stesso?")
    yield Deed(verb="answer", who=who, id="nicolo.fine", of="nicolo.hidden", text="Certo, rispondiamo qui.")


def _xiaoming(who: str) -> Iterator[Deed]:
    """The channel says that his reply window is over, which only it can know."""
    yield Deed(verb="text", who=who, id="xiaoming.last", text="Vi scrivo la settimana prossima. 再见!")
    yield Deed(verb="close window", who=who, of="xiaoming.last")
    yield Deed(
        verb="answer", who=who, id="xiaoming.late", of="xiaoming.last", text="D'accordo, buone vacanze!", late=True
    )


def _marco(who: str) -> Iterator[Deed]:
    """A reaction, taken back."""
    yield Deed(verb="text", who=who, id="marco.joke", text="La mia bici è l'unica che si ripara da sola 😅")
    yield Deed(verb="react", who=who, of="marco.joke", text="😂")
    yield Deed(verb="react", who=who, of="marco.joke", text="")


_SPECIAL = {
    "anna": _anna,
    "mirella": _mirella,
    "grazia": _grazia,
    "giulia": _giulia,
    "avraham": _avraham,
    "layla": _layla,
    "principessa": _principessa,
    "dario": _dario,
    "nicolo": _nicolo,
    "xiaoming": _xiaoming,
    "marco": _marco,
}


def _woven(threads: list[list[Deed]], chance: random.Random) -> Iterator[Deed]:
    """All threads as one, each in its own order."""
    left = [thread[::-1] for thread in threads]
    while left := [thread for thread in left if thread]:
        yield chance.choices(left, weights=[len(thread) for thread in left])[0].pop()


def _paced(deeds: Iterator[Deed], chance: random.Random) -> Iterator[Deed]:
    """Now a trickle, now a burst, so that the vendor has batches to make."""
    bursting = False
    for deed in deeds:
        if chance.random() < 0.15:
            bursting = not bursting
        yield evolve(deed, pause_s=_BURST_S if bursting else chance.uniform(0, _LONGEST_PAUSE_S))
