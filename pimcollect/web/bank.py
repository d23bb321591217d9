"""The indicator bank: by module, searched, one item with its wording, its history, where it is used, who judged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms.askers import find_askers
from forms.dimensions import list_dimensions
from forms.places import read_starter_places
from pimcollect.actions.banks import activate
from pimcollect.actions.governance import (
    PERMISSIONS,
    Standing,
    deprecate_item,
    judge,
    list_standings,
    propose_item,
    retire_item,
)
from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.governance import REASONS, State, Step
from pimcollect.domain.grammar import names_used
from pimcollect.domain.roles import Actor, allow, may
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_item_versions
from pimcollect.tables.governance import find_changes_of_bank, find_item_states, find_verdicts
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import is_starter_bank, read_bank
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting, reading

blueprint = Blueprint("bank", __name__, url_prefix="/bank")
_LONGEST_SEARCH = 100


@dataclass(frozen=True)
class Search:
    """What somebody looks for; what is empty does not narrow it."""

    module: str = ""
    words: str = ""
    tool: str = ""
    sensitivity: str = ""
    state: str = ""

    @property
    def is_any(self) -> bool:
        """True when it narrows the list at all."""
        return any((self.module, self.words.strip(), self.tool, self.sensitivity, self.state))


def find_items(catalogue: Catalogue, search: Search, states: Mapping[str, str]) -> list[Item]:
    """Items that fit, in which every word occurs, in whatever language."""
    titles = {one.id: one.title.values() for one in catalogue.modules}
    wanted = search.words.casefold().split()

    def fits(item: Item) -> bool:
        own = [text for one in item.variants.values() for text in one.label.values()]
        parts = (item.id, item.name, item.key, *item.label.values(), *item.hint.values(), item.use, *own)
        text = " ".join((*parts, *titles[item.module])).casefold()
        return (
            search.module in ("", item.module)
            and search.tool in (*item.tools, "")
            and search.sensitivity in ("", item.sensitivity)
            and search.state in ("", states.get(item.id, ""))
            and all(word in text for word in wanted)
        )

    return [item for item in catalogue.items if fits(item)]


@blueprint.get("")
def show_list() -> str:
    """Modules, and the items of one of them or of a search."""
    actor = acting_member()
    allow(actor, "bank.list")
    session = reading()
    catalogue = read_bank(session)
    asked = request.args
    search = Search(
        module=asked.get("module", "") if asked.get("module") in {one.id for one in catalogue.modules} else "",
        words=asked.get("q", "")[:_LONGEST_SEARCH],
        tool=asked.get("tool", "")[:1],
        sensitivity=asked.get("sensitivity", "")[:1],
        state=asked.get("state", "")[:_LONGEST_SEARCH],
    )
    counts = {one.id: 0 for one in catalogue.modules}
    for item in catalogue.items:
        counts[item.module] += 1
    states = {one.item: one.state for one in list_standings(session, actor)}
    return render_template(
        "bank/list.html",
        catalogue=catalogue,
        is_starter=is_starter_bank(session),
        counts=counts,
        chosen=next((one for one in catalogue.modules if one.id == search.module), None),
        search=search,
        states=states,
        every_state=[one.value for one in State],
        items=find_items(catalogue, search, states) if search.is_any else None,
    )


def _find_history(session: Session, item: str) -> list[dict[str, Any]]:
    """The bank versions in which the item was another than in the one before: version, at, fields; newest first."""
    rows = find_item_versions(session, item)[::-1]
    told: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    for row in rows:
        after = row["item"]
        if after != before:
            names = sorted({*(before or {}), *(after or {})})
            fields = [name for name in names if before and after and before.get(name) != after.get(name)]
            told.append(
                {"version": row["version"], "at": row["imported_at"], "is_there": bool(after), "fields": fields}
            )
        before = after
    return told[::-1]


def _render_item(item_id: str, mistake: PimError | None = None) -> str:
    session, actor = reading(), acting_member()
    catalogue = read_bank(session)
    item = next((one for one in catalogue.items if one.id == item_id), None)
    if item is None:
        abort(404)
    lives = find_item_states(session, [item.id])
    uses = find_askers(session, [item.id], limit=50)
    standing = next((one for one in list_standings(session, actor, items=[item.id])), None)
    return render_template(
        "bank/show.html",
        item=item,
        module=next(one for one in catalogue.modules if one.id == item.module),
        choices=catalogue.lists.get(item.choices, ()),
        dimensions=list_dimensions(catalogue, item),
        flags=[flag for flag in catalogue.flags if item.name in names_used(flag.expression)],
        standing=standing,
        is_mine=any(one.key == item.key and one.proposer == actor.id for one in lives),
        earlier=[one for one in lives if one.key != item.key],
        history=_find_history(session, item.id),
        uses=[one for one in uses if one["keys"][item.id] in ("", item.key)],
        earlier_uses=[one for one in uses if one["keys"][item.id] not in ("", item.key)],
        verdicts=find_verdicts(session, f"bank_item {item.id} {item.key}"),
        steps=find_steps(actor, standing.due) if standing else [],
        reasons=REASONS,
        mistake=mistake,
    )


def find_steps(actor: Actor, due: tuple[str, ...]) -> list[str]:
    """The due steps that this member may take."""
    return [step for step in due if may(actor, PERMISSIONS[Step(step)])]


@blueprint.get("/<item_id>")
def show_one(item_id: str) -> str:
    """One item: how it is asked, who may see the answer, what is kept of it, and where it stands."""
    allow(acting_member(), "bank.show")
    return _render_item(item_id)


@blueprint.post("/<item_id>/act")
def act(item_id: str) -> ResponseReturnValue:
    """Propose, judge, activate, deprecate or retire an item; the action asks for the right."""
    try:
        with acting() as session:
            act_on(session, acting_member(), item_id)
    except PimError as error:
        if error.code is ErrorCode.NOT_FOUND:
            raise
        return _render_item(item_id, mistake=error), find_status(error)
    return redirect(url_for("bank.show_one", item_id=item_id), 303)


def act_on(session: Session, actor: Actor, code: str) -> None:
    """What the form of an item or of a change asks for: `verb`, for a verdict `step` and `reason` (empty: yes)."""
    verb, reason = request.form.get("verb", ""), request.form.get("reason", "") or None
    if verb == "judge":
        step = request.form.get("step", "")
        if step not in PERMISSIONS:
            abort(400)
        judge(session, actor, code, step=Step(step), refusal=reason)
    elif verb == "activate":
        activate(session, actor, code, practice=frozenset(one.code for one in read_starter_places()))
    elif verb in _VERBS:
        _VERBS[verb](session, actor, code)
    else:
        abort(400)


_VERBS = {"propose": propose_item, "deprecate": deprecate_item, "retire": retire_item}


@blueprint.get("/review")
def show_review() -> str:
    """Everything that waits for a verdict or for its next step: items of the current bank, and changes."""
    actor = acting_member()
    allow(actor, "bank.show")
    session = reading()
    catalogue = read_bank(session)
    items = {one.id: one for one in catalogue.items}
    waiting = [one for one in list_standings(session, actor) if one.state not in (State.ACTIVE, State.RETIRED)]
    return render_template(
        "bank/review.html",
        waiting=sorted(waiting, key=lambda one: _rank(one, actor)),
        items=items,
        mine={one.item for one in waiting if find_steps(actor, one.due)},
        changes=find_changes_of_bank(session, limit=50),
    )


def _rank(one: Standing, actor: Actor) -> tuple[bool, bool, str]:
    """What this member may judge first, then what is under review at all."""
    return not find_steps(actor, one.due), not one.due, one.item
