"""Look at what is held, and let it be tried again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entries import EntryRow, find_entries, release_entry, shred_entry
from pimcollect.tables.journal import write_journal
from pimcollect.tables.media import shred_media

_LIST_HELD = "Run `pimcollect inbox list --state held`."
MENDS = {
    "unreadable": "The body is broken or dangerous. Send the submission again from its server, then discard this one.",
    "encrypted": "The form is encrypted on the phone. Its private key is not used here yet: send it unencrypted "
    "over https, or keep it for a later release.",
    "other_form": "It belongs to another form. Point that form's REST service at its own hook.",
    "plain_in_encrypted": "A plain submission to an encrypted form. Ask the team which app sent it.",
    "not_a_submission": "It only says that something happened on a server. Connect the form with `pimcollect servers "
    "connect`, which fetches what happened, then discard this.",
    "unknown_version": "The form version that asked is not known here. Build or adopt that version, then replay.",
    "edition_unclear": "An edit whose place among the editions is not known. Replay it once the one before it is here.",
    "failing": "It failed several times: an error of ours. Run `pimcollect doctor`, update, then replay.",
    "key_missing": "It was sealed with a key that the workers do not hold. Put the old key back, then replay.",
}
"""Held reason -> what it means and what to do, in plain words."""


def list_entries(session: Session, actor: Actor, *, state: str | None = None, limit: int = 200) -> list[EntryRow]:
    """Entries without bodies, newest first."""
    allow(actor, "inbox.list")
    return find_entries(session, state=state, limit=limit)


def discard_entry(session: Session, actor: Actor, entry: UUID) -> None:
    """Shred a held entry for good: what it holds will never be settled. The emptied row stays as the proof."""
    allow(actor, "inbox.discard")
    if not shred_entry(session, entry, reason="discarded"):
        raise PimError(ErrorCode.NOT_FOUND, "No held entry has this id.", remedy=_LIST_HELD)
    shred_media(session, [entry])
    write_journal(session, actor=actor.id, action="discard", noun="entries", noun_id=str(entry))


def replay_entry(session: Session, actor: Actor, entry: UUID) -> None:
    """Let a held entry be tried again. The caller rings after its commit."""
    allow(actor, "inbox.replay")
    if not release_entry(session, entry):
        raise PimError(ErrorCode.NOT_FOUND, "No held entry has this id.", remedy=_LIST_HELD)
    write_journal(session, actor=actor.id, action="replay", noun="entries", noun_id=str(entry))
