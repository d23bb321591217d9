"""The indicator bank: by module, searched, one item with what happens to its answers."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.grammar import names_used
from pimcollect.domain.roles import allow
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import is_starter_bank, read_bank
from pimcollect.web.store import reading

blueprint = Blueprint("bank", __name__, url_prefix="/bank")
_LONGEST_SEARCH = 100


def find_items(catalogue: Catalogue, *, module: str = "", words: str = "") -> list[Item]:
    """Items of a module (empty = all) in which every word of the search occurs, in whatever language."""
    titles = {one.id: one.title.values() for one in catalogue.modules}
    wanted = words.casefold().split()

    def text(item: Item) -> str:
        parts = (item.id, item.name, *item.label.values(), *item.hint.values(), item.use)
        return " ".join((*parts, *titles[item.module])).casefold()

    return [
        item
        for item in catalogue.items
        if (not module or item.module == module) and all(word in text(item) for word in wanted)
    ]


@blueprint.get("")
def show_list() -> str:
    """Modules, and the items of one of them or of a search."""
    allow(acting_member(), "bank.list")
    session = reading()
    catalogue = read_bank(session)
    module, words = request.args.get("module", ""), request.args.get("q", "")[:_LONGEST_SEARCH]
    counts = {one.id: 0 for one in catalogue.modules}
    for item in catalogue.items:
        counts[item.module] += 1
    chosen = next((one for one in catalogue.modules if one.id == module), None)
    items = find_items(catalogue, module=chosen.id if chosen else "", words=words) if chosen or words.strip() else None
    return render_template(
        "bank/list.html",
        catalogue=catalogue,
        is_starter=is_starter_bank(session),
        counts=counts,
        chosen=chosen,
        words=words,
        items=items,
    )


@blueprint.get("/<item_id>")
def show_one(item_id: str) -> str:
    """One item: how it is asked, who may see the answer, and what is kept of it."""
    allow(acting_member(), "bank.show")
    catalogue = read_bank(reading())
    item = next((one for one in catalogue.items if one.id == item_id), None)
    if item is None:
        abort(404)
    module = next(one for one in catalogue.modules if one.id == item.module)
    flags = [flag for flag in catalogue.flags if item.name in names_used(flag.expression)]
    return render_template(
        "bank/show.html", item=item, module=module, choices=catalogue.lists.get(item.choices, ()), flags=flags
    )
