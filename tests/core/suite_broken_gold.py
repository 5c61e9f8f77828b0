"""More channels that are broken in one way each, in what they send, read and forget; beside `suite_broken_peer.py`."""
# ruff: noqa: D102 -- the methods do what the contract says, or the class says what they do wrong

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from crocevia import (
    Attachment,
    Capabilities,
    Event,
    InteractionSeen,
    MediaSource,
    Message,
    Outcome,
    ParseContext,
    RawPage,
    Receipt,
    StatusReported,
    Written,
    errors,
)
from crocevia.testing import connector_suite
from tests.core.suite_broken_peer import GoodChannel, GoodPeer, one_test, sign


class PromisesMoreText(GoodChannel):
    """test_what_is_declared_is_what_the_vendor_takes."""

    def capabilities(self, conversation: str | None) -> Capabilities:
        return evolve(super().capabilities(conversation), max_text=200)


class PromisesLessText(GoodChannel):
    """test_what_is_declared_is_what_the_vendor_takes."""

    def capabilities(self, conversation: str | None) -> Capabilities:
        return evolve(super().capabilities(conversation), max_text=50)


class PromisesMoreButtons(GoodChannel):
    """test_what_is_declared_is_what_the_vendor_takes."""

    def capabilities(self, conversation: str | None) -> Capabilities:
        return evolve(super().capabilities(conversation), buttons=5)


class TakesOneLine(GoodChannel):
    """test_what_the_core_makes_fit_is_taken."""

    def send(self, message: Message) -> Receipt:
        if "\n" in (message.text or ""):
            raise errors.RejectedError("one line at a time")
        return super().send(message)


class CallsALostAnswerRetryable(GoodChannel):
    """test_a_send_whose_answer_was_lost_is_unknown."""

    def post(self, message: Message) -> Any:
        try:
            return super().post(message)
        except errors.OutcomeUnknownError as error:
            raise errors.RetryableError(str(error)) from error


class CallsItselfIdempotent(GoodChannel):
    """test_a_send_whose_answer_was_lost_is_unknown."""

    def capabilities(self, conversation: str | None) -> Capabilities:
        return evolve(super().capabilities(conversation), idempotent_send=True)


class ForgetsTheCallback(GoodChannel):
    """test_a_status_settles_what_was_unknown."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        event = super().event(message, leaf, context)
        return evolve(event, callback=None) if isinstance(event, StatusReported) else event


class CallsAnOutageUnknown(GoodChannel):
    """test_what_never_left_is_tried_again."""

    def post(self, message: Message) -> Any:
        try:
            return super().post(message)
        except errors.RetryableError as error:
            raise errors.OutcomeUnknownError(str(error)) from error


class TakesMinutesForSeconds(GoodChannel):
    """test_too_fast_is_told_in_our_units."""

    def post(self, message: Message) -> Any:
        try:
            return super().post(message)
        except errors.ThrottledError as error:
            raise errors.ThrottledError(str(error), after=(error.after or timedelta(0)) / 60) from error


class RejectsForBadCredentials(GoodChannel):
    """test_bad_credentials_pause_the_connection."""

    def post(self, message: Message) -> Any:
        try:
            return super().post(message)
        except errors.AuthError as error:
            raise errors.RejectedError(str(error)) from error


class TriesAClosedWindowAgain(GoodChannel):
    """test_a_closed_window_is_not_tried_again."""

    def post(self, message: Message) -> Any:
        try:
            return super().post(message)
        except errors.UndeliverableError as error:
            raise errors.RetryableError(str(error)) from error


class TrustsItsClock(GoodChannel):
    """test_a_clock_that_jumps_stops_nothing."""

    def send(self, message: Message) -> Receipt:
        last = self.__dict__.setdefault("last", self.clock.now())
        if self.clock.now() < last:
            raise errors.AuthError("the token is of the future")
        self.__dict__["last"] = self.clock.now()
        return super().send(message)


class SkipsAPage(GoodChannel):
    """test_each_record_is_told_once."""

    def poll(self, cursor: str | None) -> RawPage:
        page = super().poll(cursor)
        return evolve(page, cursor=str(int(page.cursor) + 1)) if page.more else page


class GoesOnByStamp(GoodChannel):
    """test_a_late_commit_is_told."""

    def poll(self, cursor: str | None) -> RawPage:
        after, _, newest = (cursor or "0|").partition("|")
        page = super().poll(after)
        fresh = [stamp for stamp in re.findall(r'"at": "([^"]+)"', page.body.decode()) if stamp > newest]
        body = page.body if fresh or not newest else b""
        return evolve(page, body=body, cursor=f"{page.cursor}|{max([newest, *fresh])}")


class TellsANewKeyEachTime(GoodChannel):
    """test_a_quiet_vendor_tells_nothing_new."""

    def poll(self, cursor: str | None) -> RawPage:
        page = super().poll("0")
        rounds = int(cursor or 0) + 1
        return evolve(page, body=page.body.replace(b"seeded-", b"r%d-seeded-" % rounds), cursor=str(rounds), more=False)


class SleepsForEver(GoodChannel):
    """test_what_comes_later_is_told."""

    def poll(self, cursor: str | None) -> RawPage:
        if cursor == "done":
            return RawPage(body=b"", cursor="done")
        page = super().poll(cursor)
        return page if page.body else evolve(page, cursor="done")


class AsksOnlyOnce(GoodChannel):
    """test_a_page_that_was_not_kept_is_had_again."""

    asked: set[tuple[int, str | None]] = set()  # noqa: RUF012 - outliving the instance is what is wrong with it

    def poll(self, cursor: str | None) -> RawPage:
        page = super().poll(cursor)
        told = hash(page.body), cursor
        if page.more and told in self.asked:
            return evolve(page, body=b"")
        self.asked.add(told)
        return page


class CallsAnOutageTheEnd(GoodChannel):
    """test_an_outage_while_reading_skips_nothing."""

    def poll(self, cursor: str | None) -> RawPage:
        try:
            return super().poll(cursor)
        except errors.RetryableError:
            return RawPage(body=b"", cursor=cursor or "0")


class OverlooksTheZone(GoodChannel):
    """test_a_moment_is_the_same_in_every_zone."""

    def moment(self, text: str, context: ParseContext) -> datetime:
        return context.from_iso(text[:19] + "Z")


class BelievesItsOwnClock(GoodChannel):
    """test_our_own_clock_changes_no_moment."""

    def moment(self, text: str, context: ParseContext) -> datetime:
        return min(super().moment(text, context), context.now)


class KeepsIdsAsNumbers(GoodChannel):
    """test_huge_and_odd_ids_stay_apart."""

    def text(self, message: Any, at: datetime, leaf: str) -> InteractionSeen:
        number = isinstance(message["id"], int)
        return super().text({**message, "id": int(float(message["id"]))} if number else message, at, leaf)


class CutsIdsAtAHash(GoodChannel):
    """test_huge_and_odd_ids_stay_apart."""

    def text(self, message: Any, at: datetime, leaf: str) -> InteractionSeen:
        return super().text({**message, "id": str(message["id"]).split("#")[0]}, at, leaf)


class FetchesFromElsewhere(GoodChannel):
    """test_a_file_is_had."""

    def media(self, attachment: Attachment) -> MediaSource:
        return evolve(super().media(attachment), url="https://good.example/files/photo")


class GivesItsTokenAway(GoodChannel):
    """test_no_credential_goes_to_a_foreign_host."""

    def media(self, attachment: Attachment) -> MediaSource:
        return (
            MediaSource(url=attachment.url, headers=self.authorise()) if attachment.url else super().media(attachment)
        )


class TriesForEver(GoodChannel):
    """test_a_file_that_is_gone_is_said_to_be."""

    def media(self, attachment: Attachment) -> MediaSource:
        try:
            return super().media(attachment)
        except errors.GoneError as error:
            raise errors.RetryableError(str(error)) from error


class TellsOutcomesOutOfOrder(GoodChannel):
    """test_each_ref_has_its_outcome."""

    def erase(self, refs: Sequence[str]) -> list[Outcome]:
        return sorted(super().erase(refs), key=lambda outcome: isinstance(outcome, errors.RemoteError))


class OnlySaysThatItForgot(GoodChannel):
    """test_each_ref_has_its_outcome."""

    def erase_one(self, ref: str) -> Outcome:
        return Written(id=ref)


class StumblesOverTheForgotten(GoodChannel):
    """test_asked_again_it_stays_forgotten."""

    def erase_one(self, ref: str) -> Outcome:
        outcome = super().erase_one(ref)
        return errors.RejectedError("unknown") if isinstance(outcome, errors.GoneError) else outcome


_CHANNELS: list[type[GoodChannel]] = [GoodChannel, *GoodChannel.__subclasses__()]
for _channel in _CHANNELS:
    _suite = connector_suite(
        _channel, samples="suite_samples/broken_peer", settings={"token": "s3cret"}, sign=sign, peer=GoodPeer
    )
    globals()[f"Test{_channel.__name__}"] = one_test(_suite, _channel)
del _suite
