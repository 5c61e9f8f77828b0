"""What keeps that Twilio's webhooks are Twilio's, that a call is one call, and that a receipt counts once."""

from tests.mutations.mutation import Mutation, mutation

_TWILIO, _VISITS = "plugins/crocevia_twilio", "plugins/crocevia_visits"


def _twilio(file: str, why: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(why, f"{_TWILIO}/{file}", old, new, tuple(f"tests/plugins/twilio/{test}" for test in tests))


def _visits(file: str, why: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(why, f"{_VISITS}/{file}", old, new, tuple(f"tests/plugins/visits/{test}" for test in tests))


SHOPS_AND_PHONES = (
    _twilio(
        "signature.py",
        "a webhook is signed by one of the account's tokens",
        "if any(hmac.compare_digest(_bytes(given), signature(key, signed)) for key in keys):",
        "if keys:",
        "test_signatures.py::test_while_the_token_is_changed_webhooks_of_both_are_taken",
    ),
    _twilio(
        "signature.py",
        "a body that is no form is the one whose hash was signed",
        "        if not hmac.compare_digest(_bytes(told.lower()), actual.encode()):\n",
        "        if not actual:\n",
        "test_signatures.py::test_a_hash_that_was_added_to_the_url_does_not_carry_another_body",
        "test_signatures.py::test_a_body_that_is_no_form_is_told_by_its_hash",
    ),
    _twilio(
        "signature.py",
        "behind a proxy the URL of the console is what was signed",
        "    if webhook_url is None:\n        return url\n",
        "    if url:\n        return url\n",
        "test_signatures.py::test_behind_a_proxy_the_url_of_the_console_counts_with_the_query_that_came",
    ),
    _twilio(
        "account.py",
        "our credentials go to the API alone",
        "headers=self.authorise() if self._is_api(attachment.url) else {}",
        "headers=self.authorise()",
        "test_messages.py::test_credentials_go_to_the_api_alone",
    ),
    _twilio(
        "account.py",
        "the query in which our id comes back is kept",
        '        return (":query",)\n',
        "        return ()\n",
        "test_webhooks.py::test_a_message_is_answered_with_nothing_and_a_status_keeps_its_query",
    ),
    _twilio(
        "sms_outgoing.py",
        "our id of a message travels with it",
        "status_url(webhook_url, message.id)",
        "webhook_url",
        "test_through_core.py::test_a_send_whose_answer_was_lost_is_settled_by_its_status_and_never_repeated",
    ),
    _twilio(
        "refusals.py",
        "a server in trouble may have taken the message",
        "        if answer.status >= 500:  # a server's",
        "        if answer.status >= 600:  # a server's",
        "test_sending.py::test_an_answer_without_a_code_is_decided_by_its_status",
    ),
    _twilio(
        "refusals.py",
        "a STOP that only Twilio knows is remembered",
        "    21610: Decision(OptedOutError,",
        "    21610: Decision(UndeliverableError,",
        "test_through_core.py::test_a_stop_that_only_twilio_knows_is_remembered",
    ),
    _twilio(
        "voice_leaves.py",
        "a leg is no call of its own",
        '    elif "ParentCallSid" in said:\n        yield Leaf(pointer, "a leg", said)\n',
        "",
        "test_calls.py::test_a_leg_completes_the_call_that_it_rang_for_and_is_none_itself",
    ),
    _twilio(
        "voice_leaves.py",
        "the telephone that rings first is not the customer",
        'Leaf(pointer, "a call of ours" if ours else "a call", said)',
        'Leaf(pointer, "a call", said)',
        "test_calling.py::test_the_telephone_that_rings_first_is_not_the_customer",
    ),
    _twilio(
        "voice_reading.py",
        "that a call was missed is said at its beginning, so that any leg's word is later",
        'outcome, at, duration = "missed", _started(said, received_at), None',
        'outcome, at, duration = "missed", at, None',
        "test_through_core.py::test_a_call_that_was_answered_is_as_long_as_was_talked",
    ),
    _twilio(
        "voice_reading.py",
        "where several ring, one that is not answered says nothing",
        '    if outcome != "answered" and together:\n',
        "    if not outcome:\n",
        "test_calls.py::test_where_several_ring_one_that_is_not_answered_says_nothing",
    ),
    _twilio(
        "twiml.py",
        "a webhook that only tells is not answered with a call",
        '"CallbackSource" in said or "ParentCallSid" in said:\n        return NOTHING\n',
        '"CallbackSource" in said:\n        return NOTHING\n',
        "test_calls.py::test_what_only_tells_is_answered_with_nothing",
    ),
    _twilio(
        "history.py",
        "a page that has gone begins the reading again",
        "        if place.next == first:\n            raise\n",
        "        raise\n",
        "test_history.py::test_a_page_that_is_not_kept_any_more_begins_the_reading_again",
    ),
    _visits(
        "files.py",
        "a file that was cut or replaced is read from its beginning",
        "    return next((place for place in candidates if place.offset and _marks(file, place.offset) == place), Place())",
        "    return next(iter(candidates), Place())",
        "test_files.py::test_a_file_that_was_cut_or_replaced_is_read_from_its_beginning",
    ),
    _visits(
        "files.py",
        "a row that is half written waits",
        "    if whole:\n        return len(chunk)\n",
        "    if chunk:\n        return len(chunk)\n",
        "test_files.py::test_a_half_written_row_waits_for_its_end",
    ),
    _visits(
        "visit.py",
        "an amount that could be another is not guessed",
        "    if not _AMOUNTS[row.decimal].fullmatch(bare):",
        "    if not bare:",
        "test_rows.py::test_an_amount_that_could_be_another_is_not_guessed",
    ),
    _visits(
        "visit.py",
        "what was typed at a till proves nothing",
        "verified=settings.trusts_contacts)",
        "verified=True)",
        "test_through_core.py::test_an_address_that_was_typed_at_a_till_takes_over_nobody",
    ),
    mutation(
        "sync/touches.py",
        "who shows nothing to be known by gets no record",
        "    if party.points and (not event.public or deserve.reachable(profile)):",
        "    if not event.public or deserve.reachable(profile):",
        "tests/plugins/visits/test_through_core.py::test_visits_of_nobody_are_in_the_log_and_fill_no_crm",
        "tests/plugins/twilio/test_through_core.py::test_callers_who_hide_their_number_fill_no_crm",
    ),
    mutation(
        "sync/identified.py",
        "whose a private touch was is somebody to keep, as if it had been known at once",
        "        if private or deserve.reachable(profile):\n",
        "        if deserve.reachable(profile):\n",
        "tests/plugins/visits/test_through_core.py::test_a_card_that_is_linked_later_brings_the_visit_to_its_customer",
    ),
    mutation(
        "web/door.py",
        "what a vendor hands back in the URL is kept",
        "        if QUERY in self.kept:\n",
        "        if not self.kept:\n",
        "tests/plugins/twilio/test_webhooks.py::test_a_message_is_answered_with_nothing_and_a_status_keeps_its_query",
    ),
)
