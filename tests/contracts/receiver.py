"""What a receiver of KoboToolbox must get right, point by point, and the tests that show it here."""

from __future__ import annotations

POINTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "2xx only once it is stored; treating is the workers' work",
        ("webhooks/test_door.py::test_a_database_that_is_away_is_503_with_when_to_come_again",
         "webhooks/test_door.py::test_without_a_queue_a_delivery_is_taken_all_the_same_and_at_once",
         "bench/test_chaos.py::test_"),
    ),
    2: ("overload is 503", ("embedded/test_shedding.py::test_while_the_database_hangs_senders_hear_503",)),
    3: (
        "an error of ours is 503, poison is kept and 202",
        ("contracts/test_receiver.py::test_an_error_of_ours_is_temporary_to_the_sender",
         "badinput/test_bodies.py::test_every_bad_body_is_kept_judged_and_told_to_nobody"),
    ),
    4: ("no redirect", ("webhooks/test_door.py::test_other_methods_are_405_and_nothing_redirects",)),
    5: (
        "any order, any number",
        ("webhooks/test_door.py::test_six_at_once_are_one_entry",
         "journeys/test_wire_orders.py::test_any_order_ends_as_the_same_submission",
         "journeys/test_wire.py::test_sending_all_of_it_again_and_six_at_once_changes_nothing"),
    ),
    6: (
        "an edit is an edition; a late original does not come back",
        ("workers/test_settle.py::test_an_edit_takes_the_place_of_its_edition",
         "workers/test_editions.py::test_any_order_ends_as_the_right_one"),
    ),
    7: (
        "withdrawn or deleted is erased",
        ("workers/test_settle.py::test_withdrawn_consent_erases_answers",
         "workers/test_fetch_kobo.py::test_what_is_deleted_there_is_erased_here",
         "workers/test_fetch_kobo.py::test_consent_withdrawn_there_is_withdrawn_here"),
    ),
    8: (
        "what is not pushed is pulled",
        ("workers/test_fetch_kobo.py::test_what_was_there_before_is_fetched_to_the_very_end",
         "workers/test_fetch_kobo.py::test_edits_that_nobody_pushes_are_seen"),
    ),
    9: ("the answer repeats nothing", ("webhooks/test_door.py::test_the_answer_repeats_nothing_of_what_came",)),
    10: (
        "secrets: two live, constant time, a refusal is told",
        ("webhooks/test_door.py::test_after_two_rotations_the_first_secret_is_dead_and_the_last_two_live",
         "webhooks/test_door.py::test_basic_and_bearer_carry_the_secret_too",
         "webhooks/test_senders.py::test_each_hook_tells_what_came_and_what_was_refused"),
    ),
    11: (
        "an unknown form is kept and held",
        ("workers/test_settle.py::test_what_cannot_be_settled_is_held_sealed_with_its_reason",
         "webhooks/test_door.py::test_the_secret_of_another_hook_does_not_open_this_one"),
    ),
    12: (
        "JSON, XML, wrapped, subsets, whatever the content type says",
        ("webhooks/test_door.py::test_what_kobo_really_sent_is_accepted",
         "contracts/test_receiver.py::test_whatever_the_content_type_says_the_body_is_read_for_what_it_is",
         "journeys/test_household.py::test_all_three_ways_of_sending_settle_to_the_same_submission"),
    ),
    13: (
        "no consent is no",
        ("workers/test_settle.py::test_consent_that_is_not_one_plain_known_yes_is_no",
         "workers/test_settle.py::test_a_subset_that_came_first_is_decided_anew_by_the_whole"),
    ),
    14: (
        "encrypted is parked, plain in an encrypted form is told",
        ("workers/test_envelopes.py::test_an_envelope_waits_for_its_files",
         "workers/test_envelopes.py::test_a_readable_submission_to_an_encrypted_form_is_held"),
    ),
    15: (
        "numbers as text or as numbers, ids with their zeros",
        ("domain/test_answers.py::test_numbers_as_text_and_as_numbers_are_the_same_answer",
         "webhooks/test_senders.py::test_numbers_as_numbers_give_the_same_submission",
         "contracts/test_receiver.py::test_the_zeros_before_a_number_stay"),
    ),
    16: (
        "repeats at any depth, and names that begin alike",
        ("domain/test_answers.py::test_repeats_in_repeats_and_a_group_named_as_its_field_are_read",
         "contracts/test_receiver.py::test_paths_that_begin_alike_are_not_confused"),
    ),
    17: (
        "codes are exact words, other's text is free text",
        ("domain/test_answers.py::test_codes_are_exact_words",
         "forms/test_intake.py::test_the_text_of_or_other_is_dropped_and_its_code_is_known"),
    ),
    18: (
        "no position anywhere",
        ("contracts/test_receiver.py::test_nothing_that_the_server_adds_is_kept_anywhere",
         "domain/test_treatments.py::test_a_position_never_passes",
         "workers/test_darkroom.py::test_nothing_but_pixels_comes_out"),
    ),
    19: ("no staff", ("contracts/test_receiver.py::test_nothing_that_the_server_adds_is_kept_anywhere",)),
    20: (
        "instance names, file names, supplements are personal",
        ("contracts/test_receiver.py::test_nothing_that_the_server_adds_is_kept_anywhere",
         "webhooks/test_media.py::test_neither_a_name_nor_a_content_is_readable_in_the_table"),
    ),
    21: (
        "what is unknown is personal",
        ("contracts/test_receiver.py::test_nothing_that_the_server_adds_is_kept_anywhere",
         "domain/test_answers.py::test_an_unknown_field_is_counted_and_its_name_forgotten"),
    ),
    22: (
        "media by name, late, with a token that is never told",
        ("workers/test_gather.py::test_files_that_come_late_are_asked_for_again",
         "workers/test_fetch_kobo.py::test_a_token_is_told_to_its_server_alone_and_stands_nowhere"),
    ),
    23: ("clocks of phones mean nothing", ("contracts/test_receiver.py::test_a_phone_with_a_wrong_clock_changes_no",)),
    24: (
        "letters of all languages, in one spelling",
        ("contracts/test_receiver.py::test_letters_come_through_in_one_spelling",
         "domain/test_answers.py::test_control_characters_are_taken_out_of_texts"),
    ),
    25: (
        "size and depth are bounded",
        ("embedded/test_shedding.py::test_the_largest_body_is_taken",
         "embedded/test_shedding.py::test_a_body_that_is_too_large_is_read_and_told_413",
         "badinput/test_bodies.py::test_every_bad_body"),
    ),
    26: (
        "nothing personal in what the service writes or says",
        ("journeys/test_wire.py::test_nothing_personal_is_anywhere_in_what_the_service_wrote_or_said",
         "webhooks/test_door.py::test_the_stored_body_is_sealed_and_opens_only_in_its_own_row",
         "workers/test_retention.py::test_a_settled_entry_goes_on_its_day_and_not_before"),
    ),
    27: ("numbers with gaps are normal", ("contracts/test_receiver.py::test_the_servers_own_number_means_nothing",)),
    28: (
        "forms that Kobo takes, with our own ids inside",
        ("forms/test_checks.py::test_a_fault_is_found_and_named",
         "forms/test_release.py::test_the_version_stands_in_the_form_and_comes_back_with_every_answer",
         "workers/test_releases.py::test_a_second_version_takes_the_place_of_the_first_in_the_same_form"),
    ),
    29: (
        "the duplicate button is told",
        ("workers/test_twins.py::test_the_duplicate_button_is_told_and_its_referral_names_the_other",),
    ),
    30: (
        "no form without consent",
        ("forms/test_checks.py::test_a_form_without_consent_is_not_built",
         "forms/test_intake.py::test_without_consent_a_form_is_not_adopted_and_the_way_out_is_named"),
    ),
}  # fmt: skip
"""Point -> what it asks for, and tests (below `tests/`, by the beginning of their names)."""
