"""Who may do what: the one table from permission to roles, and the question that every action asks of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from pimcollect.errors import ErrorCode, PimError


class Role(StrEnum):
    """What a member is here for. `OPERATOR` is nobody's role: it is whoever sits at the server's command line."""

    ENUMERATOR = "enumerator"
    MONITOR = "monitor"
    IMO = "imo"
    DPO = "dpo"
    ADMIN = "admin"
    OPERATOR = "operator"


MEMBER_ROLES = (Role.ENUMERATOR, Role.MONITOR, Role.IMO, Role.DPO, Role.ADMIN)
"""The roles that an account can have."""

_EVERYBODY = frozenset(Role)
_DESK = frozenset({Role.IMO, Role.ADMIN, Role.OPERATOR})
_OVERSIGHT = frozenset({Role.IMO, Role.DPO, Role.ADMIN, Role.OPERATOR})
_RECEIVER = frozenset({Role.MONITOR})
_OPERATOR = frozenset({Role.OPERATOR})

GRANTS: dict[str, frozenset[Role]] = {
    "bank.list": _EVERYBODY,
    "bank.show": _EVERYBODY,
    "bank.import": _DESK,
    "bank.adopt": frozenset({Role.ADMIN, Role.OPERATOR}),
    "bank.load_wording": _DESK,
    "bank.approve_translation": frozenset({Role.IMO}),
    "bank.propose": frozenset({Role.IMO, Role.MONITOR, Role.DPO}),
    "bank.im_review": frozenset({Role.IMO}),
    "bank.protection_review": frozenset({Role.MONITOR}),
    "bank.data_review": frozenset({Role.DPO}),
    "bank.community_check": frozenset({Role.IMO, Role.MONITOR}),
    "bank.endorse": frozenset({Role.IMO}),
    "bank.activate": frozenset({Role.IMO, Role.OPERATOR}),
    "bank.retire": frozenset({Role.IMO, Role.OPERATOR}),
    "places.list": _EVERYBODY,
    "places.import": _DESK,
    "services.list": _OVERSIGHT,
    "services.import": _DESK,
    "forms.list": _EVERYBODY,
    "forms.show": _EVERYBODY,
    "forms.build": _DESK,
    "forms.adopt": _DESK,
    "forms.note": _EVERYBODY,
    "forms.answer_note": _DESK,
    "forms.rehearse": _DESK,
    "form_keys.list": _OVERSIGHT,
    "form_keys.create": frozenset({Role.ADMIN, Role.OPERATOR}),
    "form_keys.retire": frozenset({Role.ADMIN, Role.OPERATOR}),
    "forms.release": _DESK,
    "forms.check": _DESK,
    "phones.list": _DESK,
    "phones.add": _DESK,
    "phones.renew": _DESK,
    "phones.revoke": _DESK,
    "hooks.list": _DESK,
    "hooks.open": _DESK,
    "hooks.rotate": _DESK,
    "hooks.change": _DESK,
    "hooks.close": _DESK,
    "connections.list": _DESK,
    "connections.open": _DESK,
    "connections.fetch": _DESK,
    "connections.close": _DESK,
    "connections.erase": frozenset({Role.DPO, Role.ADMIN, Role.OPERATOR}),
    "inbox.list": _OVERSIGHT,
    "inbox.replay": _DESK,
    "inbox.discard": _DESK,
    "inbox.carry": _OPERATOR,
    "inbox.accept": _OPERATOR,
    "submissions.count": _OVERSIGHT,
    "submissions.list": _OVERSIGHT,
    "submissions.withdraw": frozenset({Role.DPO, Role.OPERATOR}),
    "submissions.export": frozenset({Role.IMO, Role.DPO, Role.OPERATOR}),
    "submissions.export_restricted": frozenset({Role.DPO, Role.OPERATOR}),
    "entities.list": _OVERSIGHT,
    "entities.take": _DESK,
    "entities.erase": frozenset({Role.IMO, Role.DPO, Role.ADMIN, Role.OPERATOR}),
    "referrals.list": _OVERSIGHT | _RECEIVER,
    "referrals.show": _OVERSIGHT | _RECEIVER,
    "referrals.accept": _RECEIVER,
    "referrals.decline": _RECEIVER,
    "referrals.reveal": _RECEIVER,
    "referrals.close": _RECEIVER,
    "referrals.reroute": frozenset({Role.IMO, Role.OPERATOR}),
    "referrals.move": _OPERATOR,
    "notices.list": _OVERSIGHT,
    "journal.list": frozenset({Role.DPO, Role.ADMIN, Role.OPERATOR}),
    "members.list": frozenset({Role.DPO, Role.ADMIN, Role.OPERATOR}),
    "members.create": frozenset({Role.ADMIN, Role.OPERATOR}),
    "members.change": frozenset({Role.ADMIN, Role.OPERATOR}),
    "members.own_password": frozenset(MEMBER_ROLES),
    "keys.rotate": _OPERATOR,
    "keys.forget": _OPERATOR,
    "keys.renew": _OPERATOR,
    "service.watch": frozenset({Role.ADMIN, Role.OPERATOR}),
}
"""Permission (`noun.verb`) -> the roles that have it. Nobody has what does not stand here."""


@dataclass(frozen=True)
class Actor:
    """Who acts: a member, or the command line. `service` narrows a monitor to the referrals addressed to it."""

    id: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    service: str | None = None


COMMAND_LINE = Actor("command line", frozenset({Role.OPERATOR}))
"""Whoever may run commands on the server. It never sees who a referral is about."""


def read_roles(names: Iterable[str]) -> frozenset[Role]:
    """Role names as a set. Raises PimError(NOT_FOUND) for a name that is no member's role."""
    wanted = list(names)
    unknown = [name for name in wanted if name not in MEMBER_ROLES]
    if unknown:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no role {unknown[0]!r}.",
            remedy=f"The roles are: {', '.join(MEMBER_ROLES)}.",
        )
    return frozenset(Role(name) for name in wanted)


def may(actor: Actor, permission: str) -> bool:
    """Whether one of the actor's roles has the permission. A permission outside the table is a KeyError."""
    return not GRANTS[permission].isdisjoint(actor.roles)


def allow(actor: Actor, permission: str) -> None:
    """Raise PimError(NOT_ALLOWED) unless the actor may."""
    if not may(actor, permission):
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            f"This needs the permission {permission}.",
            remedy=f"It belongs to: {', '.join(sorted(GRANTS[permission]))}.",
        )


def serves(actor: Actor, service: str | None) -> bool:
    """Whether the actor is a monitor of the service that something is addressed to."""
    return Role.MONITOR in actor.roles and service is not None and actor.service == service


def sees_all_referrals(actor: Actor) -> bool:
    """True for those who watch over referrals; a monitor who is nothing else sees those of the own service only."""
    return not _OVERSIGHT.isdisjoint(actor.roles)
