"""pimcollect referrals: what is to be followed up, its history, and moving it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from pimcollect.actions.referrals import (
    Told,
    accept_referral,
    close_referral,
    decline_referral,
    explain_invisible,
    find_references,
    list_referrals,
    reopen_referral,
    reroute_referral,
    resend_notice,
    show_referral,
)
from pimcollect.cli.beginnings import check_length, choose_one
from pimcollect.cli.desk import by_option, find_actor, json_option, open_desk, print_json, print_rows
from pimcollect.domain.referrals import REASONS
from pimcollect.domain.roles import COMMAND_LINE, Actor
from pimcollect.doorbell import Bell
from pimcollect.schemas.referrals import MoveSchema, NoticeSchema, ReferralSchema
from pimcollect.tables.referrals import ReferralRow

_COLUMNS = {
    "reference": "reference",
    "state": "state",
    "urgency": "urgency",
    "pathway": "pathway",
    "course": "course",
    "service": "service",
    "due_at": "due (UTC)",
}


@click.group()
def referrals() -> None:
    """Referrals, tickets and alerts: who must follow up what, by when."""


def _find(session: Session, actor: Actor, text: str) -> str:
    """The whole reference."""
    beginning = text.strip().upper()
    what, remedy = "referral", "`pimcollect referrals list` shows them; a reference is like R-K3MPTW2A."
    check_length(beginning, what=what, remedy=remedy)
    found = find_references(session, actor, beginning)
    return beginning if beginning in found else choose_one(found, what=what, remedy=remedy)


def _find_for(session: Session, actor: Actor, text: str) -> str:
    """The same for a member named with --by. The command line sees them all, so it is told why a member does not."""
    reference = _find(session, COMMAND_LINE, text)
    if reference not in find_references(session, actor, reference):
        raise explain_invisible(session, reference)
    return reference


@referrals.command("list")
@click.option("--state", help="Only these, for example no_service.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_command(state: str | None, limit: int, as_json: bool) -> None:
    """The most urgent first. Nobody's name: a case opens only for the member who accepted it."""
    with open_desk() as desk, desk.transaction() as session:
        found = list_referrals(session, COMMAND_LINE, states=[state] if state else None, limit=limit)
        rows = ReferralSchema(many=True).dump(found)
    print_rows(_readable(rows, as_json), as_json=as_json, columns=_COLUMNS, empty="Nothing to follow up.")


@referrals.command("show")
@click.argument("reference")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def show_command(reference: str, as_json: bool) -> None:
    """One referral, its moves and its notices."""
    with open_desk() as desk, desk.transaction() as session:
        shown = show_referral(session, COMMAND_LINE, _find(session, COMMAND_LINE, reference))
        row = ReferralSchema().dump(shown.referral)
        moves = MoveSchema(many=True).dump(shown.moves)
        notices = NoticeSchema(many=True).dump(shown.notices)
    if as_json:
        print_json({**row, "moves": moves, "notices": notices})
        return
    for key, value in _readable([row], as_json)[0].items():
        click.echo(f"{key:<12} {'' if value is None else value}")
    click.echo()
    columns = {"at": "at (UTC)", "was": "was", "became": "became", "reason": "reason", "by": "by"}
    print_rows(_readable(moves, as_json), as_json=False, columns=columns, empty="No moves.")
    click.echo()
    columns = {"kind": "notice", "state": "state", "reason": "reason", "attempts": "attempts", "sent_at": "sent (UTC)"}
    print_rows(_readable(notices, as_json), as_json=False, columns=columns, empty="No notices.")


@dataclass(frozen=True)
class _Asked:
    """What the command line says about a move."""

    reference: str
    reason: str
    service: str


_MOVES: dict[str, Callable[[Session, Actor, _Asked], ReferralRow | Told]] = {
    "accept": lambda session, actor, asked: accept_referral(session, actor, asked.reference),
    "decline": lambda session, actor, asked: decline_referral(session, actor, asked.reference, reason=asked.reason),
    "close": lambda session, actor, asked: close_referral(session, actor, asked.reference, reason=asked.reason),
    "reroute": lambda session, actor, asked: reroute_referral(session, actor, asked.reference, service=asked.service),
    "reopen": lambda session, actor, asked: reopen_referral(session, actor, asked.reference),
    "resend": lambda session, actor, asked: resend_notice(session, actor, asked.reference),
}
_NEEDS = {"decline": "reason", "close": "reason", "reroute": "service"}


@referrals.command("move")
@click.argument("reference")
@click.argument("verb", type=click.Choice(list(_MOVES)))
@click.option("--reason", default="", help="Code of a reason; without one the possible codes are listed.")
@click.option("--service", default="", help="For reroute: code of the service that takes it.")
@by_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def move_command(reference: str, verb: str, reason: str, service: str, mail: str, as_json: bool) -> None:
    """Accept, decline, close, reroute to another service, ask the same one again (reopen), or tell the receiver again
    (resend). reopen is for what the service declined, and for what somebody accepted who cannot follow it up.

    To accept, --by names the member of the service who takes it: only that member sees whom it is about.
    """
    needed = _NEEDS.get(verb)
    if needed and not (reason if needed == "reason" else service):
        codes = f" One of: {', '.join(REASONS[verb])}." if needed == "reason" else ""
        raise click.UsageError(f"Say --{needed} for {verb}.{codes}")
    with open_desk() as desk:
        with desk.transaction() as session:
            actor = find_actor(session, mail)
            done = _MOVES[verb](session, actor, _Asked(_find_for(session, actor, reference), reason, service))
            session.flush()
            row = done.referral if isinstance(done, Told) else done
            shown: Mapping[str, Any] = ReferralSchema().dump(_fresh(session, row))
            notice: UUID | None = done.notice if isinstance(done, Told) else None
        if notice is not None:
            Bell(desk.settings.redis_url).ring_notice(notice)
    if as_json:
        print_json(shown)
    else:
        click.echo(f"{shown['reference']} is {shown['state']}.")


def _fresh(session: Session, row: ReferralRow) -> ReferralRow:
    session.refresh(row)
    return row


def _readable(rows: list[dict[str, Any]], as_json: bool) -> list[dict[str, Any]]:
    """Times to the minute, in UTC, for people."""
    if as_json:
        return rows
    return [
        {
            key: value[:16].replace("T", " ") if isinstance(value, str) and key.endswith("at") else value
            for key, value in row.items()
        }
        for row in rows
    ]
