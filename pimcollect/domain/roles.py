"""Who may do what: one table of permissions. A permission that is not in it is given to nobody."""

from __future__ import annotations

from dataclasses import dataclass

from pimcollect.errors import ErrorCode, PimError

ENUMERATOR, MONITOR, IMO, DPO, ADMIN = "enumerator", "monitor", "imo", "dpo", "admin"
ROLES = (ENUMERATOR, MONITOR, IMO, DPO, ADMIN)


@dataclass(frozen=True)
class Actor:
    """Who acts: a member with roles (and the service a monitor belongs to), or the command line of the operator."""

    id: str
    roles: frozenset[str]
    service: str | None = None


COMMAND_LINE = Actor("command line", frozenset({IMO, DPO, ADMIN}))
"""Whoever can run commands on the machine holds its keys anyway; what is done is journaled all the same."""

PERMISSIONS: dict[str, frozenset[str]] = {
    "bank.read": frozenset({ENUMERATOR, MONITOR, IMO, DPO, ADMIN}),
    "bank.import": frozenset({IMO, ADMIN}),
    "forms.read": frozenset({ENUMERATOR, MONITOR, IMO, DPO, ADMIN}),
    "forms.build": frozenset({IMO, ADMIN}),
    "hooks.list": frozenset({IMO, ADMIN}),
    "hooks.open": frozenset({IMO, ADMIN}),
    "hooks.rotate": frozenset({IMO, ADMIN}),
    "hooks.close": frozenset({IMO, ADMIN}),
    "inbox.list": frozenset({IMO, DPO, ADMIN}),
    "inbox.replay": frozenset({IMO, ADMIN}),
    "submissions.count": frozenset({MONITOR, IMO, DPO, ADMIN}),
    "submissions.list": frozenset({IMO, DPO, ADMIN}),
    "submissions.export": frozenset({IMO, DPO}),
    "submissions.export_restricted": frozenset({DPO}),
    "referrals.list_own": frozenset({MONITOR}),
    "referrals.list_all": frozenset({IMO, DPO, ADMIN}),
    "referrals.move": frozenset({MONITOR}),
    "referrals.reroute": frozenset({IMO, ADMIN}),
    "referrals.reveal": frozenset({MONITOR}),
    "members.manage": frozenset({ADMIN}),
    "doctor.run": frozenset({IMO, ADMIN}),
}


def may(actor: Actor, permission: str) -> bool:
    """Whether one of the actor's roles holds the permission."""
    return bool(PERMISSIONS.get(permission, frozenset()) & actor.roles)


def allow(actor: Actor, permission: str) -> None:
    """Raises PimError(NOT_ALLOWED) unless the actor may."""
    if not may(actor, permission):
        raise PimError(ErrorCode.NOT_ALLOWED, "This is not open to your role.", remedy="Ask an administrator.")
