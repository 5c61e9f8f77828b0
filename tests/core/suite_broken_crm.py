"""A good CRM, and some that are broken in one way each; beside `suite_broken.py`."""
# ruff: noqa: D102 -- the methods do what the contract says, or the class says what they do wrong

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from crocevia import ContactPoint, ObjectSchema, Outcome, RawPage, Record, Write, Written, errors
from crocevia.connector import FindsKeys
from crocevia.mapping import FullName, Names, ObjectMapping, Plain
from crocevia.testing import MemoryCRM, MemoryCRMConnector, MemoryCRMSettings, connector_suite
from tests.core.suite_broken_peer import one_test
from tests.core.suite_peers import MemoryCRMPeer


class GoodCRM(MemoryCRMConnector, FindsKeys):
    """As it should be."""

    kind = "good_crm"
    server = MemoryCRM()


class DropsAField(GoodCRM):
    """test_what_was_written_is_read_back."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        kept = [evolve(write, values={k: v for k, v in write.values.items() if k != "email"}) for write in batch]
        return super().write(kept)


class SaysNothingWasCreated(GoodCRM):
    """test_what_was_written_is_read_back."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        return [evolve(one, created=False) if isinstance(one, Written) else one for one in super().write(batch)]


class ShufflesOutcomes(GoodCRM):
    """test_one_batch_is_one_outcome_each."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        return super().write(batch)[::-1]


class HidesDeletions(GoodCRM):
    """test_a_record_is_deleted."""

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        page = super().changes(object_name, cursor, fields)
        return evolve(page, body=b"" if b'"deleted"' in page.body else page.body)


class FindsByMailAlone(GoodCRM):
    """test_a_customer_is_found."""

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        return super().find(object_name, [point for point in points if point.kind == "email"], fields)


class FindsEverybody(GoodCRM):
    """test_a_customer_is_found."""

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        everybody = self.fetch(object_name, list(self.server.records(object_name)), fields)
        return dict.fromkeys(points, everybody)


class TellsAMergeAsADeletion(GoodCRM):
    """test_what_a_person_removes_is_told."""

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        page = super().changes(object_name, cursor, fields)
        return evolve(page, body=page.body.replace(b'"merged_into"', b'"merged"'))


class MakesADouble(GoodCRM):
    """test_a_create_asked_for_again_makes_no_double."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        self.server.idempotent = False
        return super().write(batch)


class MakesADoubleAfterALostAnswer(GoodCRM):
    """test_a_write_whose_answer_was_lost_makes_no_double."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        try:
            return super().write(batch)
        except errors.OutcomeUnknownError:
            self.server.idempotent = False
            raise


class CallsALostAnswerRefused(GoodCRM):
    """test_a_write_whose_answer_was_lost_makes_no_double."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        try:
            return super().write(batch)
        except errors.OutcomeUnknownError as error:
            raise errors.RejectedError(str(error)) from error


class AllOrNothing(GoodCRM):
    """test_a_refused_record_harms_no_neighbour."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        outcomes = super().write(batch)
        refused = next((outcome for outcome in outcomes if isinstance(outcome, errors.RejectedError)), None)
        return outcomes if refused is None else [refused] * len(outcomes)


class RevivesTheDeleted(GoodCRM):
    """test_a_record_that_is_gone_is_said_to_be."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        outcomes = super().write(batch)
        return [Written(id="P1") if isinstance(outcome, errors.GoneError) else outcome for outcome in outcomes]


class MergesTwice(GoodCRM):
    """test_two_records_become_one."""

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        try:
            super().merge(object_name, survivor_id, loser_ids)
        except errors.GoneError:
            return


class RemembersItsFields(GoodCRM):
    """test_a_field_that_is_gone_is_named."""

    def describe(self, object_name: str) -> ObjectSchema:
        return MemoryCRM().schema(object_name)


class NamesNoField(GoodCRM):
    """test_a_field_that_is_gone_is_named."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        outcomes = super().write(batch)
        drift = errors.SchemaDriftError
        return [drift("memory: something is gone") if isinstance(one, drift) else one for one in outcomes]


class NeverSlowsDown(GoodCRM):
    """test_a_crm_in_trouble_is_a_decision."""

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        try:
            return super().changes(object_name, cursor, fields)
        except errors.ThrottledError as error:
            raise errors.RetryableError(str(error)) from error


class SplitsNames(FullName):
    """Splits at the first space, whatever is known."""

    def decode(self, remote: Mapping[str, Any], canonical: Mapping[str, Any]) -> dict[str, Any]:
        given, _, family = (remote[self.field] or "").partition(" ")
        return {"given_name": given or None, "family_name": family or None}


class ShoutsNames(Names):
    """Writes what it was told in capitals."""

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value and value.upper() for name, value in super().write(canonical).items()}


_CRM, _LOSSY = MemoryCRM(), MemoryCRM(lossy=True)


class AnswersForHalf(_CRM.connector_class()):  # type: ignore[misc]  # made at run time
    """test_trouble_in_writing_is_a_decision."""

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = super().write(batch)
        return outcomes[:1]


class BreaksTheFirstLaw(_LOSSY.connector_class()):  # type: ignore[misc]  # as above
    """test_a_round_trip_changes_nothing."""

    def mappings(self) -> tuple[ObjectMapping, ...]:
        return (ObjectMapping(object="Person", of="profile", lenses=[SplitsNames(field="name")]),)


class BreaksTheSecondLaw(_CRM.connector_class()):  # type: ignore[misc]  # as above
    """test_what_a_person_entered_is_kept."""

    def mappings(self) -> tuple[ObjectMapping, ...]:
        return (ObjectMapping(object="Person", of="profile", lenses=[ShoutsNames(given="first", family="last")]),)


class MapsWhatIsNotThere(_CRM.connector_class()):  # type: ignore[misc]  # as above
    """test_mapped_fields_are_described."""

    def mappings(self) -> tuple[ObjectMapping, ...]:
        return (ObjectMapping(object="Person", of="profile", lenses=[Plain(name="shoe", field="shoe_size")]),)


def _crm_suite(connector: type[MemoryCRMConnector]) -> type:
    suite = connector_suite(
        connector,
        samples=Path(__file__).with_name("suite_samples") / "memory_crm",
        crm=lambda: connector(MemoryCRMSettings()),
    )
    return one_test(suite, connector)


_CRMS: list[type[Any]] = [GoodCRM, *GoodCRM.__subclasses__()]
for _crm in _CRMS:
    _suite = connector_suite(_crm, samples="suite_samples/memory_crm", peer=MemoryCRMPeer)
    globals()[f"Test{_crm.__name__}"] = one_test(_suite, _crm)
del _suite
TestAnswersForHalf = _crm_suite(AnswersForHalf)
TestBreaksTheFirstLaw = _crm_suite(BreaksTheFirstLaw)
TestBreaksTheSecondLaw = _crm_suite(BreaksTheSecondLaw)
TestMapsWhatIsNotThere = _crm_suite(MapsWhatIsNotThere)
