"""What every template may say: words of codes, phrases, times in the installation's zone, and what a member may do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, request
from flask_babel import format_date, format_datetime, format_timedelta, get_locale, gettext
from flask_security import current_user

from forms.reasons import recall_left_out, recall_remarks
from pimcollect.web import words
from pimcollect.web.access import allows
from pimcollect.web.door_words import DONE, HOOK_LACKS, HOOK_PLACES
from pimcollect.web.phrases import is_spoken, list_words, speak

_TWO = 2
"""From two on a larger unit is used: 47 hours, but 2 days."""


def say(known: dict[str, Any], code: str | None) -> str:
    """The word for a code."""
    if not code:
        return ""
    return str(known[code]) if code in known else code.replace("_", " ")


def choose_text(texts: Mapping[str, str], fallback: str = "") -> tuple[str, str]:
    """A wording of the bank in the page's language, else in English, else in any; and the language that it is in."""
    for language in (str(get_locale()), "en", *texts):
        if texts.get(language):
            return texts[language], language
    return fallback, "en"


def moment(at: datetime) -> str:
    """A time in the zone of the installation, which is said: `20 Nov 2026, 16:00 EET`."""
    local = at.astimezone(current_app.config["TIMEZONE"])
    day, clock = (format_datetime(local, one, rebase=False) for one in ("d MMM y", "HH:mm"))
    return f"{day}{gettext(', ')}{clock} {local.tzname()}"


def month(day: date) -> str:
    """A month of a year."""
    return str(format_date(day, "LLLL y"))


def distance(at: datetime, now: datetime | None = None) -> str:
    """How far away a time is: `in 3 hours`, `2 days ago`. Never says more time than there is left."""
    left = at - (now or datetime.now(UTC))
    unit = next(
        (one for one in (timedelta(days=1), timedelta(hours=1)) if abs(left) >= _TWO * one), timedelta(minutes=1)
    )
    return str(format_timedelta(left // unit * unit, add_direction=True, threshold=_TWO))


def teach_templates(app: Flask, *, timezone: str) -> None:
    """Give every template the words, the zone of its times, and what it may show to whom.

    The sheet's address changes with the sheet, so that a browser never dresses a new page in an old one.
    """
    sheet = (Path(app.root_path) / "static" / "pim.css").read_bytes()
    app.jinja_env.globals["sheet_version"] = hashlib.sha256(sheet).hexdigest()[:8]
    app.config["TIMEZONE"] = UTC if timezone == "UTC" else ZoneInfo(timezone)
    app.jinja_env.globals.update(
        {name: table for name, table in vars(words).items() if name.isupper()},
        DONE=DONE,
        HOOK_LACKS=HOOK_LACKS,
        HOOK_PLACES=HOOK_PLACES,
        MOVE_REASONS=words.DECLINE_REASONS | words.CLOSE_REASONS,
        say=say,
        speak=speak,
        is_spoken=is_spoken,
        list_words=list_words,
        recall_left_out=recall_left_out,
        recall_remarks=recall_remarks,
        choose_text=choose_text,
        moment=moment,
        month=month,
        distance=distance,
        allows=allows,
    )

    @app.context_processor
    def who_reads() -> dict[str, Any]:
        # an error page must not ask the database, which may be what is broken
        return {"member": current_user if request.endpoint else None}
