"""Connect a form of ours to the server where it is collected; the token is sealed at once, to the workers alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import require_form
from pimcollect.domain.release_words import ELSEWHERE, UNKNOWN_NAME
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.addresses import check_address
from pimcollect.servers.copies import IN_TROUBLE, NOT_ALLOWED, READ
from pimcollect.tables.connections import (
    ConnectionRow,
    ask_fetch,
    count_copies,
    count_unsettled,
    find_connections,
    inherit_copies,
    take_connection,
    token_context,
)
from pimcollect.tables.journal import write_journal
from pimcollect.tables.submissions import count_present
from pimcollect.vault import DoorKeys, seal_value

SERVERS = ("kobo", "central", "ona")
"""Whom we can call: KoboToolbox, ODK Central, Ona."""
_AT_CENTRAL = re.compile(r"[0-9]+/[^/]+")
_LONGEST_SECRET = 500


def connect_server(
    session: Session,
    actor: Actor,
    *,
    server: str,
    form: str,
    base: str,
    there: str | None,
    user: str,
    secret: str,
    keys: DoorKeys,
    private_hosts: Collection[str] = (),
) -> ConnectionRow:
    """Connect a form. `there` is its name at the server, None until it is published; Central needs it and a `user`.

    Raises PimError: an unknown form or server (NOT_FOUND), an address that is not called (BAD_ADDRESS), a token that
    cannot be one (WRONG_SECRET), a form that is connected already or Central without a project (NOT_POSSIBLE_NOW).
    """
    allow(actor, "connections.open")
    if server not in SERVERS:
        raise PimError(
            ErrorCode.NOT_FOUND, "There is no such kind of server.", remedy=f"There are: {', '.join(SERVERS)}."
        )
    require_form(session, form)
    if server == "central" and not _AT_CENTRAL.fullmatch(there or ""):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "ODK Central needs a project, and a name of the form in it.",
            remedy=f"Give --there PROJECT/{form}: the project's number stands in the browser's address there.",
        )
    _check_secret(server, user, secret)
    row = ConnectionRow(
        id=uuid4(), server=server, form=form, base=check_address(base, private_hosts=private_hosts), there=there or None
    )
    plain = json.dumps({"user": user, "secret": secret}).encode()
    row.sealed = seal_value(plain, to=keys.intake, context=token_context(row.id))
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "This form of that server is connected already.",
            remedy="For a new token close the old connection first: `pimcollect servers close ID`.",
        ) from error
    inherit_copies(session, row.id)
    write_journal(session, actor=actor.id, action="connect", noun="connections", noun_id=str(row.id))
    return row


def _check_secret(server: str, user: str, secret: str) -> None:
    is_plain = secret.isascii() and secret.isprintable() and 0 < len(secret) <= _LONGEST_SECRET
    if not is_plain or (server != "central" and " " in secret):
        raise PimError(
            ErrorCode.WRONG_SECRET,
            "This cannot be a token or password: it is empty, or holds what none holds.",
            remedy="Copy it again, without the word Token before it and without a line break.",
        )
    if server == "central" and "@" not in user:
        raise PimError(
            ErrorCode.WRONG_SECRET,
            "ODK Central needs the mail address of a web user and its password.",
            remedy="Give --user; a Project Viewer of that project is enough.",
        )


def list_connections(session: Session, actor: Actor, *, limit: int = 500) -> list[tuple[ConnectionRow, int]]:
    """Connections with how many submissions of theirs are known here."""
    allow(actor, "connections.list")
    known = count_copies(session)
    return [(row, known.get(row.id, 0)) for row in find_connections(session, limit=limit)]


def ask_pull(session: Session, actor: Actor, form: str) -> list[UUID]:
    """Pull a form's connections now. The caller rings after its commit. Raises PimError(NOT_FOUND) when it has none."""
    allow(actor, "connections.fetch")
    asked = ask_fetch(session, form)
    if not asked:
        raise PimError(
            ErrorCode.NOT_FOUND, "This form has no open connection.", remedy="Run `pimcollect servers list`."
        )
    for connection in asked:
        write_journal(session, actor=actor.id, action="fetch", noun="connections", noun_id=str(connection))
    return asked


def allow_erasing(session: Session, actor: Actor, form: str) -> None:
    """Let the next pull erase here what is gone there, however many they are. For whoever found out why they went."""
    allow(actor, "connections.erase")
    for row in find_connections(session, form=form):
        if row.closed_at is None:
            row.may_erase = True
            write_journal(session, actor=actor.id, action="let_erase", noun="connections", noun_id=str(row.id))


MENDS = {
    "refused": "The server refuses our token. Make a new one there, close this connection "
    "(`pimcollect servers close ID`), then connect again.",
    "not_found": "The server has no such form, or hides it from the token's account. Give that account access.",
    "away": "The server does not answer or is busy. It is tried again by itself.",
    UNKNOWN_NAME: "There is no host of the name {host}, or no name server is reached: compare the address. If it is "
    "wrong, `pimcollect servers close ID` and connect again; if only the line is down, it is tried again by itself.",
    "bad_answer": "The answers cannot be used. Is the address that of the server itself, and its version a known one?",
    "bad_address": "The address is a private one, or its certificate is not valid for {host}. Only a server of your "
    "own network belongs into PIMCOLLECT_PRIVATE_HOSTS, its own authority into PIMCOLLECT_CA_FILE.",
    ELSEWHERE: "{host} sends us to another host, and is not followed there: no setting changes that. If it has moved, "
    "`pimcollect servers close ID` and connect its new address; else ask who looks after it.",
    "too_large": "One submission there is larger than we read. Ask the team what was sent.",
    "many_gone": "Many submissions are gone there at once; nothing was erased here. Find out why, then "
    "`pimcollect servers fetch FORM --erase`, which asks once more.",
    "seal_broken": "The token was sealed with a key that the workers do not hold. Close this connection, then connect "
    "again.",
    "failing": "It failed for a reason of ours. Run `pimcollect doctor`, update, then fetch again.",
}
"""Why a pull failed -> what it means and what to do, in plain words; `{host}` is the server's."""
HISTORIES = {
    READ: "read: it says where to look",
    NOT_ALLOWED: "the token may not read it; nothing is lost: lists are compared",
    IN_TROUBLE: "could not be read the last time; nothing is lost: lists are compared",
}
"""How the server's own log of changes was read -> plain words."""
_STALE = timedelta(minutes=45)


@dataclass(frozen=True)
class PullState:
    """How a connection stands. `state`: new, well, stale, or failing with its reason."""

    id: UUID
    form: str
    server: str
    base: str
    """The server's address."""
    there: str | None
    state: str
    known: int
    """How many of the server's were fetched: taken in, whatever became of them."""
    count_there: int | None
    """How many submissions of the form the server said it has, when it was last asked."""
    pulled_at: datetime | None
    next_at: datetime
    failures: int
    remedy: str
    history: str | None
    """How the server's own log of changes was read, a key of HISTORIES; None where none is asked for."""
    is_done: bool
    """True when nothing was asked for since the last pull."""
    waits_until: datetime | None
    """When what was asked for begins, if that is later: two pulls do not follow each other at once."""
    under_way_since: datetime | None
    """When the pull began that has not come to its end; None when there is none, or the last one failed."""
    left_alone_until: datetime | None
    """Until when the server asked not to be called; None when it did not, or that time is over."""


@dataclass(frozen=True)
class Here:
    """What is here of a form, by whatever door it came: a pull brings only what no hook had brought."""

    here: int = 0
    """Submissions, kept or refused."""
    waiting: int = 0
    """Deliveries that are not settled: they wait, or are held."""


def count_here(session: Session, actor: Actor, forms: Collection[str]) -> dict[str, Here]:
    """What is here of each of these forms."""
    allow(actor, "connections.list")
    submissions, waiting = count_present(session, forms), count_unsettled(session, forms)
    return {form: Here(submissions.get(form, 0), waiting.get(form, 0)) for form in forms}


def tell_pulls(session: Session, actor: Actor) -> list[PullState]:
    """The open connections, in words."""
    now = session.scalars(select(func.clock_timestamp())).one()
    return [_tell(row, known, now) for row, known in list_connections(session, actor) if row.closed_at is None]


def _tell(row: ConnectionRow, known: int, now: datetime) -> PullState:
    ended = max(filter(None, (row.pulled_at, row.tried_at if row.failures else None)), default=None)
    state, remedy = "well", ""
    if row.failures:
        state = f"failing: {row.reason}"
        remedy = MENDS.get(row.reason or "", "").format(host=urlsplit(row.base).hostname)
    elif row.there is None:
        state, remedy = "new", "It is not published there yet: `pimcollect forms release`."
    elif row.pulled_at is None:
        state = "new"
    elif now - row.pulled_at > _STALE:
        state, remedy = "stale", "Is the fetching worker up? Run `pimcollect doctor`."
    is_done = ended is not None and (row.asked_at is None or ended >= row.asked_at) and row.next_at > now
    is_waiting = not is_done and row.asked_at is not None and row.next_at > now
    is_begun = row.tried_at is not None and not row.failures and (row.pulled_at is None or row.tried_at > row.pulled_at)
    return PullState(
        id=row.id,
        form=row.form,
        server=row.server,
        base=row.base,
        there=row.there,
        state=state,
        known=known,
        count_there=row.count_there,
        pulled_at=row.pulled_at,
        next_at=row.next_at,
        failures=row.failures,
        remedy=remedy,
        history=row.cursor.get("history", {}).get("state"),
        is_done=is_done,
        waits_until=row.next_at if is_waiting else None,
        under_way_since=row.tried_at if is_begun else None,
        left_alone_until=row.not_before if row.not_before is not None and row.not_before > now else None,
    )


def close_connection(session: Session, actor: Actor, connection: UUID) -> None:
    """Call this server no more; the token is shredded. What was pulled stays."""
    allow(actor, "connections.close")
    row = take_connection(session, connection)
    if row is None:
        raise PimError(ErrorCode.NOT_FOUND, "No open connection has this id.", remedy="Run `pimcollect servers list`.")
    row.sealed, row.closed_at = None, session.scalar(select(func.clock_timestamp()))
    write_journal(session, actor=actor.id, action="close", noun="connections", noun_id=str(row.id))
