"""Open, rotate and close the addresses that servers post to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.version import read_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.plugins import find_plugin
from pimcollect.schemas.mappings import IN_ADDRESS, check_paths, check_targets, read_mapping
from pimcollect.tables.connections import find_connections
from pimcollect.tables.forms import (
    FormRow,
    HookRow,
    find_hooks,
    find_newest_version,
    find_paths,
    find_picture_paths,
)
from pimcollect.tables.journal import find_doers, write_journal
from pimcollect.tables.marks import Refusal, find_hook_refusals
from pimcollect.tables.phones import find_forms_on_phones
from pimcollect.vault import hash_secret

_LIVE_SECRETS = 2
LONGEST_NOTE = 100
_LIST = "Run `pimcollect hooks list`."


class Lack(StrEnum):
    """Why a hook alone is not enough."""

    HINT = "hint"
    """What the sender posts only says that something happened."""
    ENVELOPE = "envelope"
    """Phones encrypt this form, and a hook brings an envelope without its files."""
    PICTURES = "pictures"
    """This form keeps pictures for a case, and a hook brings no files."""


_ASK = "servers connect --server {server} --url https://YOUR-SERVER --form {form} --there"
_THERE = {"kobo": "ASSET-UID", "ona": "NUMBER", "central": "PROJECT/FORM --user MAIL"}
_PHONES = "forms release {form} --to phones"


@dataclass(frozen=True)
class OpenedHook:
    """What to paste into the server, shown once: the secret is kept as a hash only."""

    id: UUID
    key: str
    form: str
    server: str
    secret: str = field(repr=False)
    is_secret_in_address: bool = False
    lack: Lack | None = None
    """Why this hook alone is not enough; None when it is, or when the server is connected too."""

    @property
    def mend(self) -> str:
        """The next command for what it lacks: a pull, or where the sender cannot be asked the phones' own door.
        Empty when it lacks nothing."""
        there = _THERE.get(self.server)
        command = _PHONES if there is None else f"{_ASK} {there}"
        if self.lack is None:
            return ""
        return f"pimcollect {command.format(server=self.server, form=self.form)}"

    @property
    def path(self) -> str:
        """The path of its address; with the secret where the sender can carry it nowhere else."""
        return f"/webhooks/{self.key}.{self.secret}" if self.is_secret_in_address else f"/webhooks/{self.key}"


def require_form(session: Session, form: str) -> None:
    """Raises PimError(NOT_FOUND) that lists the forms there are."""
    if session.get(FormRow, form) is None:
        known = ", ".join(session.scalars(select(FormRow.id).order_by(FormRow.id).limit(20))) or "none yet"
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form {form!r}.",
            remedy=f"Build or adopt it first. Known forms: {known}.",
        )


def open_hook(
    session: Session,
    actor: Actor,
    *,
    server: str,
    form: str,
    networks: Sequence[str] = (),
    mapping: Mapping[str, Any] | None = None,
    note: str = "",
    id: UUID | None = None,
) -> OpenedHook:
    """A new address for a form. `networks` it may be called from (none = any); `mapping` for a sender of its own kind;
    `note` says in a few words which sender it is; `id` names it, so that asking twice opens one.

    Raises PimError: NOT_POSSIBLE_NOW when the id is there already, NOT_FOUND for an unknown form or server, BAD_FILE
    for a mapping that is not right or not there, BAD_SETTING for a note that is none.
    """
    allow(actor, "hooks.open")
    plugin = find_plugin("servers", server)
    require_form(session, form)
    checked = _check_mapping(session, plugin, mapping, form=form)
    key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
    is_in_address = getattr(plugin, "SECRET_IN_ADDRESS", False) or (checked or {}).get("secret_in") == IN_ADDRESS
    row = HookRow(
        id=id or uuid4(),
        key=key,
        server=server,
        form=form,
        secrets=[hash_secret(secret)],
        is_secret_in_address=is_in_address,
        networks=read_networks(networks),
        mapping=checked,
        note=_read_note(note),
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise _done_already() from error
    write_journal(session, actor=actor.id, action="open", noun="hooks", noun_id=str(row.id))
    return OpenedHook(row.id, key, form, server, secret, is_in_address, find_lack(session, server, form))


def find_lack(session: Session, server: str, form: str) -> Lack | None:
    """What a hook of this server lacks for this form, unless the form is connected to such a server.

    What is asked now counts: the newest version. Where nobody can be asked for pictures, phones bring them here by
    themselves, and nothing is lacking once they have the form.
    """
    if any(row.server == server and row.closed_at is None for row in find_connections(session, form=form)):
        return None
    if server == "central":
        return Lack.HINT
    newest = find_newest_version(session, form)
    if newest is not None and newest.document.get("is_encrypted"):
        return Lack.ENVELOPE
    if server not in _THERE and find_forms_on_phones(session, [form]):
        return None
    return Lack.PICTURES if find_picture_paths(session, form) else None


@dataclass(frozen=True)
class ListedHook:
    """A hook with what its row does not tell."""

    row: HookRow
    closed_by: str
    """Who closed it (a member's name, `command line`); empty while it is open."""
    refusals: list[dict[str, Any]]
    """As `find_hook_refusals`: all that were ever counted."""

    @property
    def standing(self) -> list[dict[str, Any]]:
        """The refusals of the last days that something can still be done about: of a closed hook that somebody still
        posts there, of a network none where all are allowed by now."""
        is_closed, is_limited = self.row.closed_at is not None, bool(self.row.networks)
        return [
            one
            for one in self.refusals
            if one["is_recent"]
            and (one["reason"] == Refusal.CLOSED) == is_closed
            and (one["reason"] != Refusal.NETWORK or is_limited)
        ]


def list_hooks(session: Session, actor: Actor) -> list[ListedHook]:
    """All hooks, open ones first, newest first."""
    allow(actor, "hooks.list")
    rows = find_hooks(session)
    moments = {str(row.id): row.closed_at for row in rows if row.closed_at is not None}
    doers = find_doers(session, noun="hooks", action="close", moments=moments)
    refusals = find_hook_refusals(session)
    return [ListedHook(row, doers.get(str(row.id), ""), refusals.get(row.id, [])) for row in rows]


def _check_mapping(
    session: Session, plugin: ModuleType, mapping: Mapping[str, Any] | None, *, form: str
) -> dict[str, Any] | None:
    if hasattr(plugin, "bind") == (mapping is not None):
        return None if mapping is None else _read_fitting(session, mapping, form=form)
    raise PimError(
        ErrorCode.BAD_FILE,
        "A mapping is for the server `mapped`, which needs one.",
        remedy="Open it with --server mapped --mapping FILE; docs/operators/hooks.md has an example.",
    )


def _read_fitting(session: Session, mapping: Mapping[str, Any], *, form: str) -> dict[str, Any]:
    """A checked mapping that leads to the consent and the codes of the form's newest version, if there is one yet."""
    checked = read_mapping(mapping)
    newest = find_newest_version(session, form)
    if newest is not None:
        check_targets(checked, read_version(newest.document))
        check_paths(checked, find_paths(session, form))
    return checked


def _read_note(text: str) -> str | None:
    note = text.strip()
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise PimError(ErrorCode.BAD_SETTING, f"A note is one line of {LONGEST_NOTE} letters at most.")
    return note or None


def read_networks(texts: Sequence[str]) -> list[str]:
    """Networks as `10.1.0.0/16`; a single address is a network of one. Raises PimError(BAD_SETTING)."""
    found = []
    for text in texts:
        try:
            found.append(str(ip_network(text)))
        except ValueError as error:
            raise PimError(
                ErrorCode.BAD_SETTING,
                "One of the networks is none.",
                remedy="Write them like 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32, without bits beyond the mask.",
            ) from error
    return found


def _take(session: Session, hook: UUID) -> HookRow:
    row = session.scalar(select(HookRow).where(HookRow.id == hook, HookRow.closed_at.is_(None)).with_for_update())
    if row is None:
        raise PimError(ErrorCode.NOT_FOUND, "There is no open hook with this id.", remedy=_LIST)
    return row


def _done_already() -> PimError:
    return PimError(
        ErrorCode.NOT_POSSIBLE_NOW,
        "This was done already, or the hook was changed meanwhile. A secret is shown once, where it was made.",
        remedy=_LIST,
    )


def rotate_hook(session: Session, actor: Actor, hook: UUID, *, revision: int | None = None) -> OpenedHook:
    """A new secret beside the newest one before it; the one before that ends at once.

    `revision` is the one that whoever asks has seen: asking twice makes one secret. Raises PimError(NOT_POSSIBLE_NOW)
    when it is another by now.
    """
    allow(actor, "hooks.rotate")
    row = _take(session, hook)
    if revision not in (None, row.revision):
        raise _done_already()
    secret = secrets.token_urlsafe(32)
    row.secrets = [hash_secret(secret), *row.secrets][:_LIVE_SECRETS]
    row.revision += 1
    write_journal(session, actor=actor.id, action="rotate", noun="hooks", noun_id=str(row.id))
    lack = find_lack(session, row.server, row.form)
    return OpenedHook(row.id, row.key, row.form, row.server, secret, row.is_secret_in_address, lack)


def change_networks(session: Session, actor: Actor, hook: UUID, *, networks: Sequence[str]) -> None:
    """Where it may be called from, from now on; none = from anywhere. Raises PimError(BAD_SETTING)."""
    allow(actor, "hooks.change")
    row = _take(session, hook)
    row.networks = read_networks(networks)
    row.revision += 1
    write_journal(session, actor=actor.id, action="change_networks", noun="hooks", noun_id=str(row.id))


def change_mapping(session: Session, actor: Actor, hook: UUID, *, mapping: Mapping[str, Any]) -> None:
    """Another mapping, also for what it received and what is still held. Raises PimError(BAD_FILE).

    Where the secret stands does not change: the address is in use.
    """
    allow(actor, "hooks.change")
    row = session.get(HookRow, hook, with_for_update=True)  # a closed hook too: what it took may still be held
    if row is None or row.mapping is None:
        raise PimError(ErrorCode.NOT_FOUND, "There is no hook with a mapping of this id.", remedy=_LIST)
    row.mapping = _read_fitting(session, mapping, form=row.form)
    row.revision += 1
    write_journal(session, actor=actor.id, action="change_mapping", noun="hooks", noun_id=str(row.id))


def close_hook(session: Session, actor: Actor, hook: UUID) -> None:
    """The address answers 401 from now on."""
    allow(actor, "hooks.close")
    row = _take(session, hook)
    row.closed_at = func.clock_timestamp()
    row.revision += 1
    write_journal(session, actor=actor.id, action="close", noun="hooks", noun_id=str(row.id))
