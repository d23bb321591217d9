"""Look at what is held, and let it be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import HeldReason
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.collisions import Collision, find_collisions
from pimcollect.tables.entries import (
    EVERY_DOOR,
    FILES_MISSING,
    HELD,
    UNTOUCHED,
    Door,
    EntryRow,
    find_entries,
    find_entry,
)
from pimcollect.tables.held import Way, find_ways
from pimcollect.tables.journal import write_journal
from pimcollect.tables.marks import count_entries
from pimcollect.tables.media import QUARANTINED, shred_media, weigh_media
from pimcollect.tables.replays import release_entry, shred_entry

_LIST_HELD = "Run `pimcollect inbox list --state held`."
MENDS = {
    "unreadable": "The body is broken, dangerous, or can be read in more than one way: cut off, with a sign that no "
    "text has (NUL), or with a field that stands twice. The same again will not do: open the submission on its server, "
    "correct it and save it, so that it is sent or fetched anew. This one stays sealed here: discard it when the other "
    "has come.",
    "encrypted": "It was encrypted on the phone for a form that has no key here. If the form is ours, run "
    "`pimcollect forms keys create FORM --from FILE` with its private key, then replay.",
    "files_missing": "Its encrypted files have not all come. Phones bring them; from Kobo, Central and Ona they are "
    "fetched: `pimcollect servers connect`, then `servers fetch`. It goes on by itself.",
    "tampered": "It was changed after the phone encrypted it, or parts of two submissions were mixed. Tell the data "
    "protection officer, and have the phone send it again: good files take the place of the changed ones, and it goes "
    "on by itself.",
    "mapping_unfit": "It can be read, but not as the mapping of its hook says: no answers stand there, or two of its "
    "fields lead to one question. `pimcollect hooks change HOOK --mapping FILE` with a better one, then replay.",
    "no_instance_id": "It has no id where the mapping of its hook says, a text or a whole number, so a copy could not "
    "be told from another person. `pimcollect hooks change HOOK --mapping FILE` if the id stands elsewhere, then "
    "replay; else ask the sender for one.",
    "consent_unclear": "Its mapping gives for the consent no code of the form, or no answer came: neither yes nor no "
    "was said, so it is not taken for a refusal. If a value came, say under `values` of the mapping what it means, "
    "`pimcollect hooks change HOOK --mapping FILE`, then replay. If none came, ask the sender to send that field: "
    "what comes then under the same id is held as `conflict`; replay that one, and discard this.",
    "other_form": "It names another form, or nothing in it is a question of this one. If it is another form's, point "
    "that form's REST service, or that phone, at its own address. If a template wraps what the server sends "
    "(Kobo: `payload_template`), see that the whole submission is in it. Else it is no submission: discard it.",
    "plain_in_encrypted": "It came readable, although its form has phones encrypt. Ask the team which app sent it: it "
    "may be made up. Then discard it. Replay helps only if it names no version, after a build with --no-encrypt, and "
    "never where it contradicts an encrypted submission.",
    "not_a_submission": "It only says that something happened on a server. Connect the form at that very server with "
    "`pimcollect servers connect`, which fetches what happened, then discard this.",
    "unknown_version": "The form version that asked is not known here. Build or adopt that version, then replay.",
    "edition_unclear": "An edit whose place is not clear: what it changes was changed otherwise, or never came. "
    "Ask the team which one is right and discard the other; replay helps only once what it changes is here.",
    "edition_early": "An edit that came before the edition that it changes, or a copy of what is just being settled. "
    "It is tried again by itself when that one comes, or after a quarter of an hour.",
    "conflict": "Something else came under the id of a submission that is here. Ask the enumerator which one "
    "is right: replay puts this one in its place, unless that one was corrected since; discard drops it.",
    "failing": "It failed several times: an error of ours. Run `pimcollect doctor`, update, then replay.",
    "out_of_memory": "It wanted more memory than a worker may have, several times. Ask the team what was sent; if it "
    "is right, raise PIMCOLLECT_WORKER_MB, start the workers again, then replay. Else discard it.",
    "key_missing": "It was sealed or encrypted with a key that the workers do not hold. If this machine collects for "
    "another, carry it there (docs/operators/carried.md). Else put the old key back (docs/operators/keys.md), then "
    "replay.",
}
"""Held reason -> what it means and what to do, in plain words."""
_ANEW = "Open the submission on its server, correct it and save it, so that it is sent or fetched anew."
FAULTS = {
    "empty": "There is nothing in it, or neither an id nor an answer. See whether a template or a choice of fields at "
    "the sender leaves everything out.",
    "neither": "It is neither JSON nor XML: perhaps a web form, a packed body (gzip) or an error page. Set the sender "
    "to JSON or XML, not packed.",
    "no_object": "It is JSON, but a bare word or number and no submission. See what the sender is set to send.",
    "broken": "It is cut off or damaged. If all of this sender's are, something on the way cuts them, such as a "
    f"proxy's limit. {_ANEW}",
    "several": "It holds more than one submission. Set the sender to post each by itself, or have them fetched: "
    "`pimcollect servers connect`.",
    "encoding": "Its letters are not in the encoding that it says, or in one that nobody knows. Set the sender to "
    "UTF-8.",
    "signs": f"It holds a sign that no text has, such as NUL. {_ANEW}",
    "twice": "A field stands twice in it, so that two answers could be read. If all of this sender's are so, its form "
    f"or template names a field twice. {_ANEW}",
    "number": f"It holds a number that is none (NaN, Infinity) or has thousands of digits. {_ANEW}",
    "too_deep": "It is nested deeper than any form is. Ask the team which app sent it.",
    "too_many": "It has more parts than any form has questions. Ask the team which app sent it.",
    "doctype": "It declares a document type (DTD), by which XML can reach for files and other machines. No app for "
    "forms does so: if nobody knows who sent it, `pimcollect hooks rotate HOOK` and tell the data protection officer.",
    "envelope": "It is an encrypted submission with a part that is missing, double or false. If the sender chooses "
    "fields, let it send all; else have the phone send it again.",
}
"""In which way a body is unreadable -> what that means and what to do, in plain words."""
_DISCARD = "The same again will not do: this one stays sealed here, discard it when a good one has come."


STATE_MENDS = {
    "untouched": "Nothing: a worker settles it within moments. If it stays, see `pimcollect doctor`.",
    "held": "Look at the log of the workers, then replay or discard it.",
    "settled": "Nothing. Its content is shredded; the reason says what came of it.",
}
"""What to do about an entry in each state, where the reason says nothing better."""
WAITING_MEND = (
    "Nothing: it waits for the rest that its phone announced, until {until:%Y-%m-%d %H:%M} UTC. If that has not come "
    "by then, it is settled then without it."
)


def list_entries(
    session: Session, actor: Actor, *, state: str | None = None, door: Door = EVERY_DOOR, limit: int = 200
) -> list[EntryRow]:
    """Entries without bodies, newest first."""
    allow(actor, "inbox.list")
    return find_entries(session, state=state, door=door, limit=limit)


def count_more(session: Session, actor: Actor, *, state: str | None, limit: int) -> int:
    """How many entries a list of `limit` leaves out."""
    allow(actor, "inbox.list")
    counts = count_entries(session)
    return max(0, sum(n for (found, _why), n in counts.items() if state in (None, found)) - limit)


def show_entry(session: Session, actor: Actor, entry: UUID) -> dict[str, Any]:
    """What is known of one entry but its content, with what it waits for and what to do, in plain words."""
    allow(actor, "inbox.list")
    found = find_entry(session, entry)
    if found is None:
        raise PimError(ErrorCode.NOT_FOUND, "No entry has this id.", remedy="Run `pimcollect inbox list`.")
    row, size = found
    count, weight = weigh_media(session, form=row.form, identity=row.identity)
    collision = find_collisions(session, [row]).get(row.id)
    way = find_ways(session, [row])[row.id]
    strays, _ = weigh_media(session, form=row.form, identity=row.identity, states=(QUARANTINED,))
    return {
        "id": row.id,
        "form": row.form,
        "state": row.state,
        "reason": row.reason,
        "fault": tell_fault(row),
        "missing": say_missing(row),
        "phone": way.phone,
        "against_submission": collision and collision.submission,
        "against_entry": collision and collision.entry,
        "against_phone": collision and collision.other_phone,
        "waits_until": row.waits_until if row.state == UNTOUCHED else None,
        "what_to_do": find_mend(row) or _find_state_mend(row),
        "way": row.via,
        "read_as": row.server,
        "hook": row.hook,
        "note": way.note,
        "is_encrypted": row.is_encrypted,
        "sealed_bytes": size,
        "files": count,
        "file_bytes": weight,
        "quarantined_files": strays or None,
        "attempts": row.attempts,
        "received_at": row.received_at,
        "settled_at": row.settled_at,
    }


def tell_collisions(session: Session, actor: Actor, rows: Sequence[EntryRow]) -> dict[UUID, Collision]:
    """Of the entries that are held because they contradict another: whom to ask about what."""
    allow(actor, "inbox.list")
    return find_collisions(session, rows)


def tell_ways(session: Session, actor: Actor, rows: Sequence[EntryRow]) -> dict[UUID, Way]:
    """Of each entry the door that it came by."""
    allow(actor, "inbox.list")
    return find_ways(session, rows)


def tell_fault(row: EntryRow) -> str | None:
    """In which way a held entry is unreadable, a code; None for everything else."""
    return row.fault if row.state == HELD and row.reason == HeldReason.UNREADABLE else None


def find_mend(row: EntryRow) -> str | None:
    """What a held entry's reason means and what to do; None when it is not held."""
    if row.state != HELD:
        return None
    fault = tell_fault(row)
    return MENDS.get(row.reason or "") if fault is None else f"{FAULTS[fault]} {_DISCARD}"


def _find_state_mend(row: EntryRow) -> str:
    if row.state == UNTOUCHED and row.waits_until is not None and row.waits_until > datetime.now(UTC):
        return WAITING_MEND.format(until=row.waits_until)
    return STATE_MENDS[row.state]


def say_missing(row: EntryRow) -> str | None:
    """`2 of 3 files` for an encrypted submission that waits for some; None for everything else."""
    if row.reason != FILES_MISSING or row.files_named is None or row.files_here is None:
        return None
    return f"{row.files_named - row.files_here} of {row.files_named} files"


def discard_entry(session: Session, actor: Actor, entry: UUID) -> None:
    """Shred a held entry for good: what it holds will never be settled. The emptied row stays as the proof."""
    allow(actor, "inbox.discard")
    if not shred_entry(session, entry, reason="discarded"):
        raise PimError(ErrorCode.NOT_FOUND, "No held entry has this id.", remedy=_LIST_HELD)
    shred_media(session, [entry], unwanted=[entry])
    write_journal(session, actor=actor.id, action="discard", noun="entries", noun_id=str(entry))


def replay_entry(session: Session, actor: Actor, entry: UUID) -> None:
    """Let a held entry be tried again. The caller rings after its commit."""
    allow(actor, "inbox.replay")
    row = session.get(EntryRow, entry)
    if row is not None and row.reason == HeldReason.PLAIN_IN_ENCRYPTED and row.contradicts:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "A readable copy never takes the place of an encrypted submission.",
            remedy="Ask the team which app sent it, then discard it.",
        )
    if not release_entry(session, entry):
        raise PimError(ErrorCode.NOT_FOUND, "No held entry has this id.", remedy=_LIST_HELD)
    write_journal(session, actor=actor.id, action="replay", noun="entries", noun_id=str(entry))
