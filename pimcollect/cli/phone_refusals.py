"""What phones were refused, and what to do about it, in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pimcollect.actions.phones import list_phones
from pimcollect.cli.findings import ATTENTION, OK, Finding
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.marks import PHONES, RECENT_DAYS, PhoneRefusal, find_refused_strangers

_MOST = 20
_SAID = {
    PhoneRefusal.PASSWORD: "with a password that is not right",
    PhoneRefusal.LOCKED: "after too many wrong passwords, when it has to wait a quarter of an hour",
    PhoneRefusal.OVERHEARD: "by an address that does not begin with https, so that others could read its code",
    PhoneRefusal.OLD_CODE: "with the code from before its newest",
    PhoneRefusal.ENDED: "though it is let in no more",
    PhoneRefusal.UNREADABLE: "with something that cannot be read",
    PhoneRefusal.UNKNOWN_FORM: "with a form that phones never had from here",
    PhoneRefusal.CLOSED_FORM: "with an interview of a form that is closed",
    PhoneRefusal.TOO_LARGE: "with more than is taken at once",
    PhoneRefusal.NOT_YOURS: "to correct what another phone had sent",
    PhoneRefusal.OTHER_FILE: "with another file of a name that is here already",
}
_MENDS = {
    PhoneRefusal.PASSWORD: "If the phone does not get in, give it a new code: `pimcollect phones qr {name}`.",
    PhoneRefusal.LOCKED: "A new code ends the wait at once: `pimcollect phones qr {name}`.",
    PhoneRefusal.OVERHEARD: "Give it a new code, with the address as it is set: `pimcollect phones qr {name}`.",
    PhoneRefusal.OLD_CODE: "Let it scan the newest code, or a new one: `pimcollect phones qr {name}`.",
    PhoneRefusal.ENDED: "Delete the project on the phone, or let it in anew: `pimcollect phones add {name}`.",
    PhoneRefusal.UNREADABLE: "Update the app; the phone still has the interview.",
    PhoneRefusal.UNKNOWN_FORM: "Look at the forms on the phone; it still has the interview.",
    PhoneRefusal.CLOSED_FORM: "To take it after all: `pimcollect forms release FORM --to phones`, then send again.",
    PhoneRefusal.TOO_LARGE: "Raise PIMCOLLECT_MAX_BODY_MB if it is as it should be; the phone still has it.",
    PhoneRefusal.NOT_YOURS: "Only that phone may, or one that was added with --may-edit-all.",
    PhoneRefusal.OTHER_FILE: "Ask the enumerator which is right; the phone still has it.",
}
_HEIR_MEND = "Delete the project on that phone: the name has another code by now."
_STRANGERS = "Does a phone of yours not get in? `pimcollect phones qr NAME`; else it is somebody who tries."


@dataclass(frozen=True)
class Told:
    """One reason of one phone."""

    detail: str
    mend: str


def tell_phones(rows: Iterable[Mapping[str, Any]]) -> list[Told]:
    """What phones of `list_phones` were refused lately, the latest first."""
    phones = list(rows)
    live = {row["name"]: row["added_at"] for row in phones if row["revoked_at"] is None}
    recent = [(row, one) for row in phones for one in row["refusals"] if one["is_recent"] and _stands(row, one, live)]
    recent.sort(key=lambda pair: pair[1]["last_at"], reverse=True)
    return [_tell(row, one, has_heir=row["revoked_at"] is not None and row["name"] in live) for row, one in recent]


def _stands(row: Mapping[str, Any], refused: Mapping[str, Any], live: Mapping[str, datetime]) -> bool:
    """Of a phone that is let in no more only that it still calls; and where its name was let in anew, since then."""
    if row["revoked_at"] is None:
        return True
    since = live.get(row["name"])
    return refused["reason"] == PhoneRefusal.ENDED and (since is None or refused["last_at"] > since)


def _tell(row: Mapping[str, Any], refused: Mapping[str, Any], *, has_heir: bool) -> Told:
    why, times = PhoneRefusal(refused["reason"]), _times(refused["n"])
    name = f"{row['name']} (the one before)" if has_heir else row["name"]
    detail = f"{name}: somebody called {times} {_SAID[why]}, last {refused['last_at']:%Y-%m-%d %H:%M} UTC"
    return Told(detail, _HEIR_MEND if has_heir else _MENDS[why].format(name=row["name"]))


def tell_strangers(session: Session) -> Told | None:
    """Calls with a name or a token that no phone has; None when there was none lately. The names are kept nowhere."""
    row = find_refused_strangers(session, PHONES)
    if row is None:
        return None
    what = "with a user name or a code that no phone has or had"
    return Told(f"somebody called {_times(row.n)} {what}, last {row.last_at:%Y-%m-%d %H:%M} UTC", _STRANGERS)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def check_phone_refusals(session: Session) -> Iterator[Finding]:
    """Phones that were refused something in the last days, the latest first."""
    told, strangers = tell_phones(list_phones(session, COMMAND_LINE)), tell_strangers(session)
    for one in told[:_MOST]:
        yield Finding("phones", ATTENTION, one.detail, one.mend)
    if len(told) > _MOST:
        yield Finding("phones", ATTENTION, f"{len(told) - _MOST} more, longer ago", "Run `pimcollect phones list`.")
    if strangers is not None:
        yield Finding("phones", ATTENTION, strangers.detail, strangers.mend)
    if not told and strangers is None:
        yield Finding("phones", OK, f"no phone was refused anything in {RECENT_DAYS} days")
