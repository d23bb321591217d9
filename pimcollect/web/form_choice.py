"""A form of one's own choice: by tool, module, question, purpose and area, cut to the time that there is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from forms.current import read_current
from forms.grids import tidy
from forms.selection import KINDS
from forms.wishes import Wish, is_cut, read_wish
from pimcollect.domain.roles import allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import find_newest_version
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import read_bank
from pimcollect.web.errors import find_status
from pimcollect.web.forms import find_spoken, freeze_now
from pimcollect.web.store import reading

blueprint = Blueprint("forms_choice", __name__, url_prefix="/forms/choose")
_SHOWN = 200
_LONGEST = 200
_LONGEST_TALK = 240
_ENCRYPTS = {"yes": True, "no": False}
_MANY_ITEMS = 2000
"""Characters in which questions are named."""


def _find_built(form: str) -> dict[str, Any]:
    """The newest version of a form as its builder wants to see it: how long, what was left out and why."""
    row = find_newest_version(reading(), form)
    if row is None:
        abort(404)
    lines = row.document.get("left_out", ())
    cuts = [line for line in lines if is_cut(line)]
    rest = [line for line in lines if not is_cut(line)]
    return {"row": row, "cuts": cuts, "left_out": rest[:_SHOWN], "more": max(0, len(rest) - _SHOWN)}


def _render(form: str, wish: Wish, mistake: PimError | None = None, chosen: list[str] | None = None) -> str:
    current = read_current(reading())
    catalogue = read_bank(reading())
    built = request.args.get("built", "")
    return render_template(
        "forms/choose.html",
        form=form,
        wish=wish,
        kinds=KINDS,
        modules=[one for one in catalogue.modules if not one.is_control],
        purposes=catalogue.purposes,
        languages=find_spoken(catalogue),
        chosen=chosen or ["en"],
        places=sorted(current.places, key=lambda one: (one.level, one.code))[:_SHOWN],
        are_starter_places=current.are_starter_places,
        encrypts=request.form.get("encrypts", ""),
        mistake=mistake,
        built=_find_built(built) if built else None,
    )


@blueprint.get("")
def show() -> str:
    """What can be chosen; with `form`, as its newest version was chosen; with `built`, what came of it."""
    allow(acting_member(), "forms.build")
    form = request.args.get("form", "") or request.args.get("built", "")
    row = find_newest_version(reading(), form) if form else None
    asked = row.document.get("wish") if row else None
    wish = read_wish(asked) if asked else Wish("")
    return _render(form, wish, chosen=row.document.get("languages") if row else None)


def _read_line(name: str, longest: int = _LONGEST) -> str:
    """One line that was typed. Raises PimError for what no form can carry."""
    text = tidy(request.form.get(name, ""))
    if len(text) > longest or any(ord(sign) < ord(" ") for sign in text):
        raise PimError(
            ErrorCode.BAD_FORM, "A line is too long, or has signs that no form can carry.", remedy="Write it anew."
        )
    return text


def _read_words(name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in _read_line(name, _MANY_ITEMS).split(",") if one.strip())


def _read_minutes() -> float | None:
    text = _read_line("minutes")
    try:
        minutes = float(text) if text else None
    except ValueError:
        minutes = 0
    if minutes is not None and not 1 <= minutes <= _LONGEST_TALK:
        raise PimError(ErrorCode.BAD_FORM, "The minutes are no number.", remedy=f"Write 1 to {_LONGEST_TALK}.")
    return minutes


def _read_wish(form: str) -> Wish:
    is_free = form not in KINDS
    return Wish(
        tool=_read_line("tool") if is_free else "",
        modules=tuple(request.form.getlist("modules")),
        items=_read_words("items"),
        without=_read_words("without"),
        purpose=_read_line("purpose") if is_free else "",
        area=_read_line("area"),
        minutes=_read_minutes(),
        title=_read_line("title"),
    )


@blueprint.post("")
def build() -> ResponseReturnValue:
    """Build what was chosen and freeze it; what had to be cut is shown with it."""
    allow(acting_member(), "forms.build")
    form, wish = "", Wish("")
    try:
        form = _read_line("form")
        wish = _read_wish(form)
        frozen = freeze_now(
            form,
            wish=wish,
            purpose=_read_line("purpose"),
            encrypts=_ENCRYPTS.get(request.form.get("encrypts", "")),
        )
    except PimError as error:
        return _render(form, wish, error, request.form.getlist("languages")), find_status(error)
    return redirect(url_for("forms_choice.show", built=frozen.version.form), 303)
