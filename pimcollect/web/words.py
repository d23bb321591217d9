"""Codes in the words of the page's language. A code that has no word yet is shown as it is, never hidden."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

STATES = {
    "waiting": _("New"),
    "sent": _("Waiting for an answer"),
    "accepted": _("Accepted"),
    "declined": _("Declined"),
    "closed": _("Closed"),
    "recalled": _("Taken back"),
    "no_service": _("Nobody serves this"),
}
URGENCIES = {"U": _("Urgent"), "H": _("Soon"), "R": _("Routine")}
COURSES = {
    "referral": _("Referral of a person"),
    "ticket_no_identity": _("Report without a person"),
    "supervisor_alert_no_identity": _("Alert to the supervisor, without a person"),
}
DECLINE_REASONS = {
    "no_capacity": _("We have no capacity now"),
    "outside_area": _("Outside our area"),
    "not_eligible": _("The person is not eligible with us"),
    "not_offered": _("We do not offer this service"),
    "incomplete": _("Something needed is missing"),
    "already_served": _("Already served, or a duplicate"),
    "funds_ended": _("The funds have ended"),
    "no_access": _("Unsafe, or no access"),
    "wrong_recipient": _("Not meant for us"),
    "conflict_of_interest": _("Conflict of interest"),
}
CLOSE_REASONS = {
    "needs_met": _("Needs met"),
    "partly_met": _("Partly met"),
    "person_declined": _("The person declined"),
    "cannot_reach": _("Could not be reached"),
    "moved_away": _("Moved away"),
    "transferred": _("Passed on to another service"),
    "no_service": _("The service was not available"),
    "unsafe": _("Unsafe to continue"),
    "deceased": _("The person has died"),
    "duplicate": _("Duplicate or mistake"),
}
REVEAL_REASONS = {
    "contact": _("To contact the person"),
    "verify": _("To make sure it is the right person"),
    "hand_over": _("To hand over to a colleague who takes the case"),
}
HELD_REASONS = {
    "unreadable": _("The delivery is broken and cannot be read."),
    "encrypted": _("The form was encrypted on the phone, and this service does not hold that key."),
    "files_missing": _("It is encrypted, and some of its files have not arrived yet."),
    "tampered": _("It was changed after the phone encrypted it."),
    "mapping_unfit": _("It can be read, but not as the mapping of its sender says."),
    "no_instance_id": _("It has no id where the mapping of its sender says."),
    "consent_unclear": _("Its mapping gives for the consent neither a yes nor a no of the form, or no answer came."),
    "other_form": _("It names another form, or nothing in it is a question of this form."),
    "plain_in_encrypted": _("A plain submission came for an encrypted form."),
    "not_a_submission": _("It only says that something happened on a server."),
    "unknown_version": _("The version of the form that asked is not known here."),
    "edition_unclear": _("It is an edit of what was changed otherwise already, or never came."),
    "edition_early": _("It is an edit that came before the edition that it changes."),
    "conflict": _("Something else came under the number of a submission that is here."),
    "failing": _("It was tried several times and never finished. That is our mistake."),
    "out_of_memory": _("It wanted more memory than a worker may have, several times."),
    "key_missing": _("It was sealed or encrypted with a key that is not here."),
}
MENDS = {
    "unreadable": _("The same again will not do: have it corrected and sent anew, then discard this one."),
    "encrypted": _("Ask the administrator for the key of this form, then try again."),
    "files_missing": _(
        "Phones bring them; from Kobo, Central and Ona they are fetched once that server is connected. Then "
        "it goes on by itself."
    ),
    "tampered": _(
        "Tell the data protection officer, and have the phone send it again: good files take the place of the "
        "changed ones, and it goes on by itself."
    ),
    "mapping_unfit": _("Ask the administrator to change the mapping, then try again."),
    "no_instance_id": _("Ask the administrator whether the id stands elsewhere; else the sender must give one."),
    "consent_unclear": _(
        "If an answer came, ask the administrator to say in the mapping what it means, then try again. If none came, "
        "ask the sender to send that field, try again what comes then, and discard this."
    ),
    "other_form": _(
        "Let that form's server post to its own address. If a template wraps it, the submission must be in "
        "it. Else it is none: discard it."
    ),
    "plain_in_encrypted": _("Ask the team which app sent it: it may be made up. Then discard it."),
    "not_a_submission": _("Connect the form's server, which fetches what happened; then discard this."),
    "unknown_version": _("Build or adopt that version, then try again."),
    "edition_unclear": _("Ask the team which one is right, and discard the other."),
    "edition_early": _("Nothing: it is tried again when that one comes, or after a quarter of an hour."),
    "conflict": _("Ask the enumerator which is right. Trying again puts this in its place, unless that was corrected."),
    "failing": _("Ask the administrator to run the doctor command and to update, then try again."),
    "out_of_memory": _(
        "Ask the team what was sent. If it is as it should be, ask the administrator to give more memory."
    ),
    "key_missing": _(
        "If this machine collects for another, it must be carried there. Else ask the administrator to put "
        "the old key back, then try again."
    ),
}
SERVERS = {
    "kobo": "KoboToolbox",
    "ona": "Ona",
    "central": "ODK Central",
    "odk": "OpenRosa XML",
    "mapped": _("Another sender"),
}
CALL_REFUSALS = {
    "wrong_secret": _(
        "Is the secret at the server the newest one? A refused delivery is not sent again: send it anew there, or "
        "fetch it."
    ),
    "closed": _("It is closed, and somebody still posts there."),
    "network": _("The secret was right, but the call came from a network that is not allowed."),
    "too_large": _("The delivery was too large."),
}
PHONE_KINDS = {"account": _("An account, for one enumerator"), "device": _("A device, for whoever holds it")}
PHONE_REFUSALS = {
    "password": _("The password was not right. If this phone does not get in, give it a new code."),
    "locked": _("Too many wrong passwords: it has to wait a quarter of an hour. A new code lets it in at once."),
    "overheard": _(
        "It called by an address that does not begin with https: others could read its code. Make a new one."
    ),
    "old_code": _("It called with the code from before. Let it scan the newest one, or make a new one."),
    "ended": _("It is let in no more, and still calls. Delete the project on the phone, or let it in anew."),
    "unreadable": _("What it sent could not be read. Update the app; the phone still has the interview."),
    "unknown_form": _("It sent a form that it does not have from here. Look at the forms on the phone."),
    "closed_form": _("It sent an interview of a form that is closed. Release the form again to take it."),
    "too_large": _("What it sent was too large. Ask the administrator; the phone still has it."),
    "not_yours": _(
        "It tried to correct what another phone had sent. Only that phone may, or one that may correct all."
    ),
    "other_file": _("It sent another file of a name that is here already. Ask the enumerator which is right."),
}
DOERS = {"command line": _("somebody at the command line")}
"""Who did something, where it was no member: a member's own name is shown as it is."""
PULL_STATES = {
    "new": _("Not asked yet"),
    "well": _("As it should be"),
    "stale": _("Not asked for long"),
    "failing": _("It fails"),
}
PULL_MENDS = {
    "new": _("It is not published there yet. Release the form."),
    "stale": _("Ask the administrator whether the fetching worker is up."),
    "refused": _("The server refuses our token. Make a new one there, close this connection, then connect again."),
    "not_found": _("The server has no such form, or hides it from the token's account. Give that account access."),
    "away": _("The server does not answer or is busy. It is tried again by itself."),
    "unknown_name": _(
        "There is no host of this name, or the line is down. Compare the address: if it is wrong, ask the administrator"
        " to connect again; else it is tried again by itself."
    ),
    "bad_answer": _("Its answers cannot be used. Is the address that of the server itself?"),
    "bad_address": _("The address is a private one, or its certificate is not valid. Ask the administrator."),
    "elsewhere": _("The server sends us to another host, and is not followed there. Ask the administrator."),
    "too_large": _("One submission there is larger than we read. Ask the team what was sent."),
    "many_gone": _(
        "Many submissions are gone there at once; nothing was erased here. Find out why, then tell the administrator."
    ),
    "seal_broken": _(
        "The token was sealed with a key that is not here any more. Close this connection, then connect again."
    ),
    "failing": _("That is our mistake. Ask the administrator to run the doctor command."),
}
PULL_HISTORIES = {
    "read": _("The project history is read: it says what was edited or deleted."),
    "not_allowed": _("The token may not read the project history. Nothing is lost: lists are compared instead."),
    "in_trouble": _(
        "The project history could not be read the last time. Nothing is lost: lists are compared instead."
    ),
}
TALLIES = {
    "refused": _("Said no"),
    "unreferred": _("Needed help, did not agree to be referred"),
    "no_service": _("Nobody serves this"),
    "alerted": _("Alerts"),
    "superseded": _("Older editions"),
    "erased": _("Deleted at their server"),
    "withdrawn": _("Taken back with the card"),
}
FINDINGS = {
    "unknown_fields": _("A field that the form does not have"),
    "bad_integer": _("No whole number"),
    "not_a_whole_number": _("No whole number"),
    "bad_decimal": _("No number"),
    "bad_date": _("No date"),
    "bad_time": _("No time"),
    "bad_text": _("No text"),
    "too_long": _("Too long"),
    "too_short": _("Too short"),
    "unknown_choice": _("A choice that the form does not offer"),
    "bad_repeat": _("A list of people that cannot be read"),
    "out_of_range": _("Outside of what is possible"),
    "other_pattern": _("Not written as the code should be"),
    "unknown_place": _("A place that is not in the list of areas"),
    "no_polygons": _("A position: no areas are known to place it in"),
    "no_pseudonym_key": _("No key to make a code of it"),
    "request_other": _("Help asked for that no pathway leads to"),
    "possible_duplicate": _("Perhaps sent twice"),
    "not_encrypted": _("Files that were not encrypted"),
    "dropped_files": _("Files that are not kept"),
    "incomplete_delivery": _("Some of its parts never came"),
    "entity_without_id": _("A later visit without its number"),
    "entity_not_planned": _("A later visit that the form does not plan"),
}
SUBMISSION_STATES = {"kept": _("Kept"), "tombstone": _("Said no")}
ENTRY_STATES = {"untouched": _("Waiting to be read"), "settled": _("Settled"), "held": _("Held")}
ROLES = {
    "enumerator": _("Enumerator"),
    "monitor": _("Monitor"),
    "imo": _("Information management"),
    "dpo": _("Data protection"),
    "admin": _("Administrator"),
}
SENSITIVITIES = {"L": _("Low"), "M": _("Medium"), "H": _("High"), "S": _("Severe")}
TOOLS = {"H": _("Household"), "K": _("Key informant"), "F": _("Focus group"), "O": _("Observation")}
TREATMENTS = {
    "keep": _("kept as answered"),
    "drop": _("not kept"),
    "derive": _("not kept; only what follows from it"),
    "vault": _("sealed, for the referral only"),
    "restrict": _("for protection analysts only"),
    "recode": _("shared as a broader group"),
    "band": _("shared as an age or size band"),
    "date": _("shared as a quarter of a year"),
    "coarsen": _("shared as a district"),
    "topcode": _("shared with large numbers cut"),
    "round": _("shared rounded"),
    "pseudonym": _("replaced by a code"),
}
LIVES = {
    "draft": _("Draft"),
    "proposed": _("Proposed"),
    "in_review": _("In review"),
    "community_check": _("Asked of the community"),
    "field_test": _("In the field test"),
    "endorsed": _("Endorsed"),
    "active": _("Active"),
    "deprecated": _("Asked no more"),
    "retired": _("Retired"),
}
STEPS = {
    "im_review": _("Review of information management"),
    "protection_review": _("Review of protection"),
    "data_review": _("Review of data protection"),
    "community_check": _("Check with the community"),
    "endorsement": _("Endorsement after the field test"),
}
REFUSALS = {
    "unclear": _("People will not understand it, or understand it differently"),
    "no_use": _("Nobody decides anything by it"),
    "duplicate": _("The bank has such a question already"),
    "harmful": _("Asking it can harm people or the team"),
    "too_sensitive": _("Its sensitivity, class or treatment is too low"),
    "not_acceptable": _("The community does not want it asked"),
    "failed_test": _("It did not work in the field test"),
    "wrong_form": _("Type, choices, logic or translation need work"),
    "withdrawn": _("The proposer takes it back"),
}
WEIGHTS = {
    "none": _("no change"),
    "patch": _("slip mended"),
    "minor": _("small change"),
    "major": _("breaks the series"),
}
DRAFTS = {
    "missing": _("not translated"),
    "stale": _("of an older wording"),
    "machine_drafted": _("drafted by a machine"),
    "translated": _("translated"),
    "back_translated": _("translated and translated back"),
    "approved": _("approved"),
}
PARTS_OF_BANK = {
    "modules": _("Modules"),
    "items": _("Questions"),
    "variants": _("Wording of one tool"),
    "choices": _("Answers"),
    "words": _("Sentences of the form"),
    "terms": _("Words that we use"),
    "purposes": _("What forms are for"),
}
FORM_PARTS = {
    "question": _("question"),
    "wording": _("wording"),
    "choice": _("answer"),
    "rule": _("flag rule"),
    "form": _("form"),
}
FORM_FIELDS = {
    "asked": _("asked"),
    "label": _("wording"),
    "choice": _("answer"),
    "rule": _("flag rule"),
    "type": _("type"),
    "treatment": _("what happens to it"),
    "is_gated": _("behind the screening"),
    "sensitivity": _("sensitivity"),
    "disclosure": _("what it tells about a person"),
    "choices": _("list of answers"),
    "title": _("title"),
    "bank_version": _("version of the bank"),
    "languages": _("languages"),
    "consent": _("consent"),
    "purpose": _("purpose"),
    "is_encrypted": _("encrypted on the phone"),
    "left_out": _("left out"),
    "drafted": _("wording that nobody approved"),
    "entities": _("saved for later visits"),
}
FORM_LANGUAGES = {"en": _("English"), "fr": _("French"), "ar": _("Arabic")}
CASE_FIELDS = {
    "ref_name": _("Name to use"),
    "ref_contact": _("Safe way and time to reach"),
    "ref_service": _("Help asked for"),
    "clo_place_adm2": _("District"),
    "roster": _("Family member"),
}
MEMBER_FIELDS = {
    "age": _("Age"),
    "sex": _("Sex"),
    "rel": _("Relation"),
    "caregiver": _("Caregiver lives here"),
}
