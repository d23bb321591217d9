"""Who calls: a device by the token in the address, an account by Digest, or by Basic where the line is encrypted."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from flask import Request, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.domain.phones import REALM, PhoneKind, hash_account, is_phone_name, secret_context
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.tables.marks import PhoneRefusal
from pimcollect.tables.phones import PhoneRow, find_device, find_phone, find_refused_account, find_refused_device
from pimcollect.vault import DoorKeys, hash_secret, unwrap_secret
from webhooks.marks import Marks
from webhooks.openrosa.digest import is_fresh, is_ours, is_right, make_challenge, names_request, read_claim
from webhooks.openrosa.replies import tell
from webhooks.openrosa.tries import Tries, Verdict

_MOST_REMEMBERED = 5000
_NOBODY = "0" * 32
_log = open_log("phones")


@dataclass(frozen=True)
class Caller:
    """A phone that is let in."""

    id: UUID
    revision: int
    may_edit_all: bool
    secret: str = field(default="", repr=False)
    """An account's HA1; empty for a device."""


class RefusedError(Exception):
    """The caller is not let in; `answer` says so."""

    def __init__(self, answer: Response) -> None:
        super().__init__("refused")
        self.answer = answer


class Callers:
    """The phones that this process has seen; a put checks them against the row, and everything else reads it anew."""

    def __init__(self, engine: Engine, keys: DoorKeys, tries: Tries, marks: Marks, *, public_url: str) -> None:
        public = urlsplit(public_url)
        self._safe_host = public.netloc.lower() if public.scheme == "https" else None
        self._engine = engine
        self._keys = keys
        self._tries = tries
        self._marks = marks
        self._known: dict[str, Caller] = {}

    def find(self, request: Request, token: str | None, *, may_remember: bool) -> Caller:
        """Who calls. With `may_remember` a phone that was seen before is believed, for whoever asks the row later on.

        Raises RefusedError: 403 for an unknown token (there is nothing to ask for), and for a token or a password that
        anybody on the way can read; 401 with a challenge for the rest.
        """
        if token is not None:
            if self._is_overheard(request):
                raise self._refuse_overheard(hash_secret(token))
            caller = self._find_known(f"device {hash_secret(token)}", may_remember=may_remember)
            if caller is None:
                _log.warning("refused", kind="token")
                self._count_device(hash_secret(token))
                raise RefusedError(tell("shut_out", 403))
            return caller
        return self._find_account(request, may_remember=may_remember)

    def find_again(self, request: Request, caller: Caller, token: str | None) -> Caller:
        """The same caller by the row as it is now, after a put found it changed. Raises RefusedError."""
        if token is not None:
            return self.find(request, token, may_remember=False)
        with Session(self._engine) as session:
            row = session.get(PhoneRow, caller.id)
            fresh = None if row is None or row.revoked_at is not None else self._read(row)
            name = "" if row is None else row.name
        self._known.pop(f"account {name}", None)
        if fresh is None or fresh.secret != caller.secret:
            self._marks.note_phone_refusal(PhoneRefusal.PASSWORD if fresh else PhoneRefusal.ENDED, caller.id)
            raise RefusedError(self._challenge(request))
        return fresh

    def _find_known(self, key: str, *, may_remember: bool) -> Caller | None:
        if may_remember and (known := self._known.get(key)):
            return known
        kind, _, value = key.partition(" ")
        if kind == PhoneKind.ACCOUNT and not is_phone_name(value):
            return None
        with Session(self._engine) as session:
            row = find_device(session, value) if kind == "device" else find_phone(session, value)
            caller = None if row is None or row.kind != kind else self._read(row)
        if caller is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = caller
        return caller

    def _read(self, row: PhoneRow) -> Caller | None:
        secret = ""
        if row.secret is not None:
            try:
                secret = unwrap_secret(row.secret, key=self._keys.digest, context=secret_context(row.id)).decode()
            except PimError:
                _log.error("secret_unreadable", kind="account")
                return None
        return Caller(row.id, row.revision, row.may_edit_all, secret)

    def _find_account(self, request: Request, *, may_remember: bool) -> Caller:
        header = request.headers.get("Authorization", "")
        scheme = header.partition(" ")[0].lower()
        if scheme == "digest":
            return self._find_by_digest(request, header, may_remember=may_remember)
        if scheme == "basic":
            return self._find_by_basic(request, may_remember=may_remember)
        raise RefusedError(self._challenge(request))

    def _is_overheard(self, request: Request) -> bool:
        """Whether it came by another way than the one that is safe and ours. Behind a proxy that is not configured it
        is known by our own host, as are the addresses in a form list."""
        if self._safe_host is None or request.scheme == "https" or request.host.lower() == self._safe_host:
            return False
        address = (request.remote_addr or "").removeprefix("::ffff:")
        return not (address.startswith("127.") or address == "::1")

    def _refuse_overheard(self, token_hash: str) -> RefusedError:
        _log.warning("refused", kind="overheard")
        with Session(self._engine) as session:
            row = find_device(session, token_hash)
        if row is None:
            self._count_device(token_hash)
        else:
            self._marks.note_phone_refusal(PhoneRefusal.OVERHEARD, row.id)
        return RefusedError(tell("unsafe", 403))

    def _find_by_digest(self, request: Request, header: str, *, may_remember: bool) -> Caller:
        claim = read_claim(header)
        if claim is None or not is_ours(claim.nonce, self._keys.digest):
            raise RefusedError(self._challenge(request))
        if not is_fresh(claim.nonce, self._keys.digest):
            raise RefusedError(self._challenge(request, is_stale=True))
        name, address = claim.username.lower(), request.remote_addr or ""
        is_this = names_request(claim.uri, path=f"{request.root_path}{request.path}", query=request.query_string)
        caller = self._find_known(f"account {name}", may_remember=may_remember)
        if caller is not None and may_remember and not is_right(claim, method=request.method, secret=caller.secret):
            caller = self._find_known(f"account {name}", may_remember=False)
        secret = caller.secret if caller is not None else _NOBODY
        if not is_right(claim, method=request.method, secret=secret) or caller is None or not is_this:
            raise self._refuse(request, name=name, caller=caller)
        verdict = self._tries.admit(nonce=claim.nonce, count=claim.count, name=_number(name, caller), address=address)
        if verdict is Verdict.LOCKED:
            raise self._refuse_locked(request, name=name)
        if verdict is Verdict.STALE:
            raise RefusedError(self._challenge(request, is_stale=True))
        return caller

    def _find_by_basic(self, request: Request, *, may_remember: bool) -> Caller:
        if request.scheme != "https":
            answer = tell("unsafe", 403) if self._is_overheard(request) else self._challenge(request, word="unsafe")
            raise RefusedError(answer)
        given = request.authorization
        name, password = ((given.username or ""), (given.password or "")) if given is not None else ("", "")
        name = name.lower()
        digest = hash_account(name, password)
        caller = None
        for remembered in (True, False) if may_remember else (False,):
            caller = self._find_known(f"account {name}", may_remember=remembered)
            secret = caller.secret if caller is not None else _NOBODY
            if hmac.compare_digest(secret.encode(), digest.encode()) and caller is not None:
                if self._tries.is_locked(name=_number(name, caller), address=request.remote_addr or ""):
                    raise self._refuse_locked(request, name=name)
                return caller
        raise self._refuse(request, name=name, caller=caller)

    def _refuse(self, request: Request, *, name: str, caller: Caller | None) -> RefusedError:
        if self._tries.count_failure(name=_number(name, caller), address=request.remote_addr or ""):
            return self._refuse_locked(request, name=name)
        _log.warning("refused", kind="password")
        self._count_account(name, PhoneRefusal.PASSWORD)
        return RefusedError(self._challenge(request))

    def _refuse_locked(self, request: Request, *, name: str) -> RefusedError:
        """The same for a right and a wrong password, and for a name that no phone has: nothing can be guessed by it."""
        _log.warning("refused", kind="locked")
        self._count_account(name, PhoneRefusal.LOCKED)
        return RefusedError(self._challenge(request, word="locked"))

    def _count_account(self, name: str, why: PhoneRefusal) -> None:
        """By the row, whoever it was: an answer to a name that is known takes as long as one to a name that is not."""
        with Session(self._engine) as session:
            row = find_refused_account(session, name) if is_phone_name(name) else None
        if row is None:
            self._marks.note_phone_refusal(PhoneRefusal.UNKNOWN, None)
        else:
            self._marks.note_phone_refusal(PhoneRefusal.ENDED if row.revoked_at else why, row.id)

    def _count_device(self, token_hash: str) -> None:
        with Session(self._engine) as session:
            row = find_refused_device(session, token_hash)
        if row is None:
            self._marks.note_phone_refusal(PhoneRefusal.UNKNOWN, None)
        else:
            self._marks.note_phone_refusal(PhoneRefusal.ENDED if row.revoked_at else PhoneRefusal.OLD_CODE, row.id)

    def _challenge(self, request: Request, *, is_stale: bool = False, word: str = "who") -> Response:
        """401 with what we ask for: Digest always, Basic only where nobody can listen."""
        answer = tell(word, 401)
        answer.headers.add("WWW-Authenticate", make_challenge(self._keys.digest, is_stale=is_stale))
        if request.scheme == "https":
            answer.headers.add("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')
        return answer


def _number(name: str, caller: Caller | None) -> str:
    """A name as it fails: with the number of its secret, so that a new one is not locked for what the old one did."""
    return f"{name} {caller.revision if caller is not None else 0}"
