"""Logging in and out: Flask-Security on our members, throttled, with log-ins that end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from argon2 import PasswordHasher
from flask import Flask, Request, Response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_login import user_logged_in, user_logged_out
from flask_security import RoleMixin, Security, UserDatastore, UserMixin, current_user
from flask_security.mail_util import EmailValidateException, MailUtil
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.retry import Retry
from sqlalchemy import select

from pimcollect.actions.members import end_own_logins, is_password
from pimcollect.config import Settings
from pimcollect.domain.roles import Actor, Role
from pimcollect.tables.members import MemberRow, find_member
from pimcollect.vault import DoorKeys, keyed_digest
from pimcollect.web.languages import safe_path
from pimcollect.web.seats import LOGINS, seat, set_seats
from pimcollect.web.store import acting, reading

_IDLE = timedelta(minutes=30)
"""A log-in that nobody uses ends by itself ..."""
_LONGEST_SECONDS = 12 * 3600
"""... and every log-in ends after a working day."""
_TRIES = "10 per 15 minutes"
_TRIES_FROM_ONE_ADDRESS = "60 per 15 minutes"
_TRIES_ON_ONE_ACCOUNT = "50 per hour"
_REDIS_SECONDS = 0.3
_LONGEST_MAIL = 254


class MemberRole(RoleMixin):
    """A role as Flask-Security sees it."""

    def __init__(self, name: str) -> None:
        self.name = name


class Member(UserMixin):
    """A member as Flask-Security sees it: read from its row, never written."""

    fs_uniquifier = ""
    """What the cookie names; a new value ends all log-ins."""

    def __init__(self, row: MemberRow, salt: str) -> None:
        self._salt = salt
        self.email = row.mail
        self.name = row.name
        self.password = row.password_hash
        self.active = row.is_active
        self.must_change_password = row.must_change_password
        self.fs_uniquifier = row.login_id
        roles = [Role(one.role) for one in row.role_rows]
        self.roles = [MemberRole(role.value) for role in roles]
        self.actor = Actor(str(row.id), frozenset(roles), row.service)

    def verify_and_update_password(self, password: str) -> bool:
        """Whether this is the member's password."""
        return is_password(password, self.password or "", salt=self._salt)


def present_member() -> Member | None:
    """Who is logged in."""
    member = current_user._get_current_object()
    return member if isinstance(member, Member) else None


class Members(UserDatastore):
    """Finds members for Flask-Security. It changes none: `actions.members` does."""

    def __init__(self, salt: str) -> None:
        super().__init__(Member, MemberRole)
        self._salt = salt

    def find_user(self, case_insensitive: bool = False, **wanted: str) -> Member | None:
        """By `email` or by `fs_uniquifier`, read from the database each time."""
        if "email" in wanted:
            row = find_member(reading(), wanted["email"])
        else:
            row = reading().scalar(select(MemberRow).where(MemberRow.login_id == wanted["fs_uniquifier"]))
        return None if row is None else Member(row, self._salt)

    def commit(self) -> None:
        """Called by Flask-Security's views; there is nothing to write."""


class PlainMail(MailUtil):
    """Addresses are compared as they were entered by us: `admin@localhost` is one, and no name is looked up."""

    def normalize(self, email: str) -> str:
        """Lower case without blanks around; refuses what cannot be stored."""
        plain = email.strip().lower()
        if "@" not in plain or not plain.isprintable() or len(plain) > _LONGEST_MAIL:
            raise EmailValidateException("not an address")
        return plain


def _cookie_settings(settings: Settings, keys: DoorKeys) -> dict[str, Any]:
    hasher = PasswordHasher()
    return {
        "SECRET_KEY": keys.session,
        "SESSION_COOKIE_NAME": "pim_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.public_url.startswith("https://"),
        "PERMANENT_SESSION_LIFETIME": _IDLE,
        "SESSION_PROTECTION": None,  # a phone changes its address; no digest of addresses is kept
        "REMEMBER_COOKIE_DURATION": timedelta(0),
        "SECURITY_PASSWORD_SALT": keys.password_salt,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        # only hashed with for unknown addresses, so that both take equally long
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            "argon2__time_cost": hasher.time_cost,
            "argon2__memory_cost": hasher.memory_cost,
            "argon2__parallelism": hasher.parallelism,
        },
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_TRACKABLE": False,
        "SECURITY_FLASH_MESSAGES": False,
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_LOGIN_USER_TEMPLATE": "account/login.html",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_REDIRECT_ALLOW_SUBDOMAINS": False,
    }


def _throttle(app: Flask, settings: Settings, keys: DoorKeys) -> None:
    """Limit tries to log in: by address and account, by address, and by account. No address is stored in clear."""
    storage: dict[str, Any] = {
        "connection_pool": ConnectionPool.from_url(
            settings.redis_url,
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    }
    limiter = Limiter(
        lambda: "all",
        storage_uri="redis+unix:///" if settings.redis_url.startswith("unix:") else "redis://",
        storage_options=storage,
        strategy="moving-window",
        in_memory_fallback_enabled=True,  # trouble with Redis must never keep anybody out
        swallow_errors=True,
        key_prefix="pim",
    )
    limiter.init_app(app)

    def key(*parts: str) -> str:
        return keyed_digest(keys.digest, "login", *parts)

    def account() -> str:
        return request.form.get("email", "").strip().lower()[:_LONGEST_MAIL]

    log_in: Any = app.view_functions["security.login"]

    def log_in_seated() -> Any:
        if request.method != "POST":
            return log_in()
        with seat(LOGINS):
            return log_in()

    view: Any = log_in_seated
    for limit, key_func in (
        (_TRIES_ON_ONE_ACCOUNT, lambda: key("account", account())),
        (_TRIES_FROM_ONE_ADDRESS, lambda: key("address", request.remote_addr or "")),
        (_TRIES, lambda: key("both", request.remote_addr or "", account())),
    ):
        view = limiter.limit(limit, key_func=key_func, methods=["POST"])(view)
    app.view_functions["security.login"] = view


def _never_json(_: Request) -> bool:
    return False


def open_accounts(app: Flask, settings: Settings, keys: DoorKeys) -> None:
    """Log-in, log-out and the member of each request."""
    app.config.update(_cookie_settings(settings, keys))
    _guard_logins(app)
    security = Security(mail_util_cls=PlainMail)
    security.init_app(app, Members(keys.password_salt))
    security.want_json(_never_json)  # the JSON side would hand out tokens that outlive a log-in
    app.login_manager.request_loader(_nobody)  # type: ignore[attr-defined]
    set_seats(app)
    _throttle(app, settings, keys)

    @user_logged_out.connect_via(app)
    def end_logins(_: Flask, user: Member, **__: object) -> None:
        with acting() as open_session:
            end_own_logins(open_session, user.actor, mail=user.email)


def _guard_logins(app: Flask) -> None:
    """End what has lasted too long, before anybody asks who is logged in; and lead nobody to another host."""

    @user_logged_in.connect_via(app)
    def begin_idle_clock(_: Flask, **__: object) -> None:
        session.permanent = True

    @app.before_request
    def end_old_login() -> None:
        if "_user_id" in session and time.time() - session.get("fs_paa", 0) > _LONGEST_SECONDS:
            session.clear()

    @app.before_request
    def lead_to_ourselves() -> ResponseReturnValue | None:
        if request.endpoint != "security.login":
            return None
        is_ours = all(safe_path(target) == target for target in request.values.getlist("next") if target)
        return None if is_ours else redirect(url_for("security.login"), 303)


def _nobody(_: Request) -> Response | None:
    """Only the cookie logs in: no token in a header or an address does."""
    return None
