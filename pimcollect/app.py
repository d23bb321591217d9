"""The roof: puts the door, the pages and the health routes into one application. It alone knows every blueprint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from flask import Flask
from flask_wtf import CSRFProtect
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.doorbell import Bell
from pimcollect.key_files import follow_key_file
from pimcollect.vault import DoorKeys, read_door_keys
from pimcollect.web import (
    account,
    bank,
    bank_changes,
    bank_intake,
    bank_overlaps,
    bank_translations,
    doors,
    doors_phones,
    errors,
    form_choice,
    form_notes,
    form_pages,
    forms,
    health,
    home,
    inbox,
    referrals,
    releases,
    submissions,
)
from pimcollect.web.access import guard_routes
from pimcollect.web.accounts import open_accounts
from pimcollect.web.headers import carry_headers, guard_headers
from pimcollect.web.languages import blueprint as languages
from pimcollect.web.languages import speak
from pimcollect.web.store import open_store
from pimcollect.web.telling import teach_templates
from webhooks.hooks import Hooks
from webhooks.openrosa.door import open_phone_door
from webhooks.openrosa.routes import create_phone_door
from webhooks.routes import Door, create_door

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOOKS, _PHONES = "/webhooks/", "/phones/"
_CSRF_SECONDS = 12 * 3600
_PAGES = (
    *(health, home, account, referrals, forms, form_choice, form_notes, form_pages, releases),
    *(submissions, inbox, doors, doors_phones, bank, bank_changes, bank_intake, bank_overlaps, bank_translations),
)


def create_app(settings: Settings) -> Flask:
    """The web process. It reads the door's keys only: it can seal what comes in, and open nothing.

    Raises PimError(BAD_KEYS) when the keys file is missing, readable by others or incomplete.
    """
    read_keys = follow_key_file(settings.door_keys, read_door_keys)
    engine = open_engine(settings.database_url, pool_size=max(2, settings.web_threads))
    bell = Bell(settings.redis_url)
    app = Flask("pimcollect.web")
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        WTF_CSRF_TIME_LIMIT=_CSRF_SECONDS,
        PUBLIC_URL=settings.public_url,
    )
    # `//` and a trailing slash are other addresses, not spellings of one
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["bell"] = bell
    guard_headers(app, is_https=settings.public_url.startswith("https://"))
    speak(app, settings.languages)
    open_store(app, engine)
    CSRFProtect(app)
    open_accounts(app, settings, read_keys())
    app.register_blueprint(languages)
    for page in _PAGES:
        app.register_blueprint(page.blueprint)
    errors.answer_errors(app)
    guard_routes(app)
    teach_templates(app, timezone=settings.timezone)
    opened = _open_doors(settings, read_keys, engine, bell)
    app.extensions["door"] = opened[_HOOKS].extensions["door"]
    app.extensions["phones"] = opened[_PHONES].extensions["phones"]
    app.wsgi_app = _beside(opened, app.wsgi_app)  # type: ignore[assignment, method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _open_doors(settings: Settings, read_keys: Callable[[], DoorKeys], engine: Engine, bell: Bell) -> dict[str, Flask]:
    """The doors by the beginning of their addresses, applications of their own: what guards the pages has no part."""
    puts = open_engine(settings.database_url, pool_size=max(2, settings.web_threads), is_autocommit=True)
    hooks = create_door(Door(puts, read_keys, Hooks(engine), bell), max_body_bytes=settings.max_body_bytes)
    phones = create_phone_door(open_phone_door(settings, read_keys, engine=engine, puts=puts, bell=bell))
    doors = {_HOOKS: hooks, _PHONES: phones}
    is_https = settings.public_url.startswith("https://")
    for door in doors.values():
        door.wsgi_app = carry_headers(door.wsgi_app, is_https=is_https)  # type: ignore[assignment, method-assign]
    return doors


def _beside(doors: Mapping[str, Flask], pages: WSGIApplication) -> WSGIApplication:
    """One application that hands deliveries to their door and everything else to the pages."""

    def choose(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        door = next((door for prefix, door in doors.items() if path.startswith(prefix)), None)
        return (pages if door is None else door)(environ, start_response)

    return choose
