"""Translations side by side: the English, what it became, and what that says translated back; approved one by one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms import starter
from forms.bank import read_document
from forms.drafts import Draft, list_drafts
from forms.translations import TRANSLATED
from forms.wording import LANGUAGE_NAMES
from pimcollect.actions.translations import approve_translations, withdraw_approvals
from pimcollect.domain.roles import allow
from pimcollect.domain.translations import Bound
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.bank_parts import PARTS
from pimcollect.tables.catalogue import find_bank
from pimcollect.tables.translations import find_approved
from pimcollect.web.access import acting_member
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting, reading

blueprint = Blueprint("bank_translations", __name__, url_prefix="/bank/translations")
_PAGE = 40
_LONGEST = 40


def _read_document(session: Session) -> dict[str, Any]:
    row = find_bank(session)
    return read_document(starter.read_bytes("bank.json")) if row is None else row.document


def _list(session: Session, language: str, codes: tuple[str, ...] = ()) -> list[Draft]:
    return list(list_drafts(_read_document(session), language, approved=find_approved(session), codes=codes))


def _find_languages(document: dict[str, Any]) -> list[str]:
    own = {row["language"] for row in document.get("translations", ())} & LANGUAGE_NAMES.keys()
    return [*TRANSLATED, *sorted(own - set(TRANSLATED))]


def _ask() -> dict[str, str]:
    """What the address asks for: language, part, code, state (open or all), page."""
    asked = {name: request.values.get(name, "")[:_LONGEST] for name in ("language", "part", "code", "state", "page")}
    return {**asked, "part": asked["part"] if asked["part"] in PARTS else ""}


def _render(mistake: PimError | None = None) -> str:
    session, asked = reading(), _ask()
    languages = _find_languages(_read_document(session))
    language = asked["language"] if asked["language"] in languages else languages[0]
    drafts = _list(session, language, (asked["code"],) if asked["code"] else ())
    drafts = [one for one in drafts if asked["part"] in ("", one.part)]
    open_ = [one for one in drafts if one.is_open]
    shown = drafts if asked["state"] == "all" else open_
    page = min(max(int(asked["page"]), 1) if asked["page"].isdecimal() else 1, max(1, -(-len(shown) // _PAGE)))
    return render_template(
        "bank/translations.html",
        languages={one: LANGUAGE_NAMES[one] for one in languages},
        language=language,
        parts=PARTS,
        asked={**asked, "language": language, "page": str(page)},
        rows=shown[(page - 1) * _PAGE : page * _PAGE],
        page=page,
        pages=max(1, -(-len(shown) // _PAGE)),
        total=len(drafts),
        open=len(open_),
        mistake=mistake,
        done=request.args.get("done", "")[:_LONGEST],
    )


def _find_ticked(session: Session, language: str, marks: set[str]) -> list[Bound]:
    """The texts of these marks as they are now. Raises PimError(NOT_POSSIBLE_NOW) when one is another by now."""
    texts = [one.bound for one in _list(session, language) if one.bound and one.bound.mark in marks]
    if not marks or len(texts) < len(marks):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "No text was ticked, or one of them is another now.",
            remedy="Look again, and tick what is right.",
        )
    return texts


@blueprint.get("")
def show_list() -> str:
    """One page of texts in one language, the open ones first asked for."""
    allow(acting_member(), "bank.show")
    return _render()


@blueprint.post("")
def approve() -> ResponseReturnValue:
    """Approve the texts that were ticked, or take approvals back; exactly as they were shown."""
    actor, asked = acting_member(), _ask()
    allow(actor, "bank.approve_translation")
    marks = set(request.form.getlist("mark"))
    act = withdraw_approvals if request.form.get("verb") == "withdraw" else approve_translations
    try:
        with acting() as session:
            count = act(session, actor, _find_ticked(session, asked["language"], marks))
    except PimError as error:
        return _render(error), find_status(error)
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value and name != "page"}
    return redirect(url_for("bank_translations.show_list", **kept, done=str(count)), 303)
