"""The roof: puts the door, the pages and the health routes into one application. It alone knows every blueprint."""

from __future__ import annotations

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.doorbell import Bell
from pimcollect.vault import read_door_keys
from pimcollect.web import account, bank, errors, forms, health, home, inbox, referrals, submissions
from pimcollect.web.access import guard_routes
from pimcollect.web.accounts import open_accounts
from pimcollect.web.headers import guard_headers
from pimcollect.web.languages import blueprint as languages
from pimcollect.web.languages import speak
from pimcollect.web.store import open_store
from pimcollect.web.words import teach_templates
from webhooks.hooks import Hooks
from webhooks.routes import Door
from webhooks.routes import blueprint as webhooks

_CSRF_SECONDS = 12 * 3600
_PAGES = (health, home, account, referrals, bank, forms, submissions, inbox)


def create_app(settings: Settings) -> Flask:
    """The web process. It reads the door's keys only: it can seal what comes in, and open nothing.

    Raises PimError(BAD_KEYS) when the keys file is missing, readable by others or incomplete.
    """
    keys = read_door_keys(settings.door_keys)
    engine = open_engine(settings.database_url, pool_size=max(2, settings.web_threads))
    bell = Bell(settings.redis_url)
    app = Flask("pimcollect.web")
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        WTF_CSRF_TIME_LIMIT=_CSRF_SECONDS,
        TRUSTED_PROXIES=settings.trusted_proxies,
        PUBLIC_URL=settings.public_url,
    )
    # a hook's sender follows no redirect: `//` and a trailing slash are other addresses, not spellings of this one
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["bell"] = bell
    app.extensions["door"] = Door(engine, keys, Hooks(engine), bell)
    guard_headers(app, is_https=settings.public_url.startswith("https://"))
    speak(app, settings.languages)
    open_store(app, engine)
    csrf = CSRFProtect(app)
    csrf.exempt(webhooks)
    open_accounts(app, settings, keys)
    app.register_blueprint(webhooks)
    app.register_blueprint(languages)
    for page in _PAGES:
        app.register_blueprint(page.blueprint)
    errors.answer_errors(app)
    guard_routes(app)
    teach_templates(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
