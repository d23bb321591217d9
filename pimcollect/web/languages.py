"""Which language a page speaks: the one chosen, else the best that the browser asks for, else English."""

from __future__ import annotations

from urllib.parse import urlsplit

from babel import Locale
from flask import Blueprint, Flask, abort, current_app, has_request_context, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale

blueprint = Blueprint("languages", __name__)
COOKIE = "language"
_YEAR = 31_536_000


def speak(app: Flask, languages: tuple[str, ...]) -> None:
    """Let pages speak these languages; the first is the default."""
    app.config["LANGUAGES"] = languages
    babel = Babel()
    babel.init_app(app, default_locale=languages[0], locale_selector=_choose_language)
    app.jinja_env.globals.update(
        page_language=lambda: str(get_locale()),
        page_direction=lambda: Locale.parse(str(get_locale())).text_direction,
        languages_offered=lambda: [(code, _name_language(code)) for code in languages],
    )


def _name_language(code: str) -> str:
    """A language's own name for itself."""
    return (Locale.parse(code).get_display_name(code) or code).capitalize()


def _choose_language() -> str | None:
    if not has_request_context():
        return None
    languages = current_app.config["LANGUAGES"]
    chosen = request.cookies.get(COOKIE, "")
    if chosen in languages:
        return chosen
    best: str | None = request.accept_languages.best_match(languages)
    return best


def safe_path(target: str | None) -> str:
    """A path of this site, or the first page: nothing that a browser could take for another host."""
    parts = urlsplit(target or "/")
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    plain = (target or "/").isprintable() and "\\" not in (target or "") and not (target or "").startswith("//")
    return target if target and is_ours and plain else "/"


@blueprint.get("/language/<code>")
def choose(code: str) -> ResponseReturnValue:
    """Speak this language from now on, and go back to the page that was read."""
    if code not in current_app.config["LANGUAGES"]:
        abort(404)
    answer = redirect(safe_path(request.args.get("next")), 303)
    answer.set_cookie(
        COOKIE, code, max_age=_YEAR, httponly=True, samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )
    return answer
