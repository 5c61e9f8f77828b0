"""What a customer wants to be sent: heard from the channel, from his own words, or from a refused send."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import evolve

from crocevia.model import ConsentReported, InteractionSeen, Party, Purpose, from_us, to_us
from crocevia.store import consents
from crocevia.store.commands import CommandRow
from crocevia.store.consents import ConsentRow, State
from crocevia.store.interactions import InteractionRow, addresses
from crocevia.sync.batch import Batch
from crocevia.sync.identified import in_normal_form, whose
from crocevia.sync.world import Live

if TYPE_CHECKING:
    from crocevia.sync.touches import Leaf

STOP_WORDS = (
    *("stop", "stop all", "stopall", "unsubscribe", "opt out", "optout"),
    *("basta messaggi", "disiscrivimi", "cancellami", "disattiva"),
    *("darse de baja", "baja", "no molestar"),
    *("arret", "arreter", "desabonner", "se desabonner"),
    *("stopp", "abmelden", "abbestellen"),
    *("descadastrar", "cancelar inscricao"),
    *("afmelden", "stoppen"),
)
"""English, Italian, Spanish, French, German, Portuguese, Dutch. Not among them are words that a customer answers a
question with: "cancel", "end", "quit", "fine"."""
START_WORDS = (
    *("start", "unstop", "subscribe", "opt in", "optin"),
    *("iscrivimi", "riattiva", "riprendi"),
    *("alta", "darse de alta"),
    *("abonner", "reprendre"),
    *("anmelden", "starten"),
    *("inscrever", "recomecar"),
    *("aanmelden",),
)
_LONGEST_WORD = 40


# --- what is said ---------------------------------------------------------------------------------------------------


def apply_reported(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Take what the channel says that its customers want."""
    told = [leaf for leaf in leaves if leaf.event.party.points]
    batch.counts["ignored"] += len(leaves) - len(told)  # it names nobody
    parties = in_normal_form(batch, [leaf.event.party for leaf in told])
    said: dict[Leaf, list[ConsentRow]] = {}
    for leaf, party, profile in zip(told, parties, whose(batch, parties), strict=True):
        event: ConsentReported = leaf.event
        batch.subjects.add((profile.id, leaf.raw_id))
        words = [
            _word(batch, profile.id, address, granted=event.granted, at=to_us(event.at), source="channel")
            for address in _sendable(batch.live, party)
        ]
        said[leaf] = [_about(word, event.purpose, event.evidence) for word in words]
    newer = {word.id for word in keep(batch, [word for words in said.values() for word in words])}
    for words in said.values():
        batch.counts["superseded" if newer.isdisjoint(word.id for word in words) else "applied"] += 1


def overhear(batch: Batch, rows: Iterable[tuple[InteractionRow, InteractionSeen]]) -> None:
    """Take the customers at their word who wrote nothing but STOP or START, where the connection listens for it."""
    options = batch.live.options
    stop, start = listened(batch.live)
    if not stop and not start:
        return
    said: list[ConsentRow] = []
    for row, event in rows:
        word = _alone(event)
        if word in stop or word in start:
            granted = word in start
            shown = [one for one in addresses(row.detail) if one.split("|", 1)[0] in batch.live.address_kinds]
            evidence = f"keyword {word.upper()}"
            said += [
                evolve(
                    _word(batch, row.profile_id, address, granted=granted, at=row.at, source="keyword"),
                    purpose=options.stop_means,
                    evidence=evidence,
                )
                for address in dict.fromkeys([*shown, *_wrote_from(row)])
            ]
    keep(batch, said)


def refused(batch: Batch, command: CommandRow) -> None:
    """Take the channel's refusal of a send for the customer's word: he has opted out of what was sent."""
    address = command.payload["to"]
    word = _word(batch, command.profile_id, address, granted=False, at=batch.now, source="send")
    purpose = "marketing" if command.payload.get("purpose") == "marketing" else "all"
    keep(batch, [_about(word, purpose, "the channel refused a message")])


def keep(batch: Batch, said: Sequence[ConsentRow]) -> list[ConsentRow]:
    """Write down the words that are newer than what is known, and return them."""
    if not said:
        return []
    held = {row.key: row for row in consents.of_addresses(batch.transaction, {row.address for row in said})}
    newer: list[ConsentRow] = []
    for word in said:
        known = held.get(word.key)
        if known is None or word.stands_over(known):
            held[word.key] = word
            newer.append(word)
    consents.save(batch.world.store, batch.transaction, newer)
    return newer


def _word(batch: Batch, profile_id: int, address: str, *, granted: bool, at: int, source: str) -> ConsentRow:
    state: State = "granted" if granted else "withdrawn"
    return ConsentRow(
        id=next(batch.ids),
        profile_id=profile_id,
        address=address,
        channel=batch.live.kind,
        purpose="all",
        state=state,
        at=at,
        connection=batch.live.name,
        source=source,
    )


def _about(word: ConsentRow, purpose: str, evidence: str) -> ConsentRow:
    return evolve(word, purpose=purpose, evidence=evidence)


def _sendable(live: Live, party: Party) -> list[str]:
    """The addresses that the channel sends to; all of them where it sends to none of these."""
    here = [point.address for point in party.points if point.kind in live.address_kinds and not point.is_former]
    return here or [point.address for point in party.points]


def _wrote_from(row: InteractionRow) -> list[str]:
    found = row.detail.get("wrote_from")
    return [] if found is None else [found]


# --- keywords -------------------------------------------------------------------------------------------------------


def listened(live: Live) -> tuple[frozenset[str], frozenset[str]]:
    """The words that stop and those that start, in plain form.

    The usual ones where the settings name none and the channel writes to phones, where everybody knows them.
    """
    options = live.options
    usual = "phone" in live.address_kinds
    return (
        _plain_words(options.stop_words if options.stop_words is not None else STOP_WORDS if usual else ()),
        _plain_words(options.start_words if options.start_words is not None else START_WORDS if usual else ()),
    )


@lru_cache(maxsize=256)
def _plain_words(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(plain(word) for word in words) - {""}


def plain(text: str) -> str:
    """A text without case, accents, punctuation or doubled spaces: `" Stop!"` is `"stop"`."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return re.sub(r"[\W_]+", " ", bare).strip().casefold()


def _alone(event: InteractionSeen) -> str:
    """What a person's private text says, in plain form; `""` for anything else, and what is too long for a word."""
    spoken = event.kind == "message" and event.direction == "inbound" and not event.public and not event.automated
    return plain(event.text) if spoken and event.text and len(event.text) <= _LONGEST_WORD else ""


# --- what may be sent -----------------------------------------------------------------------------------------------


def objection(words: Collection[ConsentRow], purpose: Purpose, *, opt_in: bool) -> str | None:
    """Why a message of this purpose may not be sent to whom these words are of; None when it may.

    Each purpose has its own newest word: START takes a STOP back, not an unsubscription from marketing.
    """
    newest: dict[str, ConsentRow] = {}
    for word in words:
        held = newest.get(word.purpose)
        if held is None or word.stands_over(held):
            newest[word.purpose] = word
    for about in ("all",) if purpose == "service" else ("all", "marketing"):
        found = newest.get(about)
        if found is not None and found.state == "withdrawn":
            what = "messages" if about == "all" else "marketing"
            how = f" ({found.evidence})" if found.evidence else ""
            return f"the customer wants no {what} on this channel since {from_us(found.at):%Y-%m-%d}{how}"
    if purpose == "marketing" and opt_in and not newest:
        return "marketing goes only to who agreed to it, and no such word is known"
    return None


def of_sends(rows: Sequence[ConsentRow], channel: str, address: str, profile: int) -> list[ConsentRow]:
    """Of these words, those that hold for a send: said on its channel, from that address or by that customer."""
    return [row for row in rows if row.channel == channel and (row.address == address or row.profile_id == profile)]
