"""What a form writes into lists of things that are visited again: read off a layout, or off an XForm made elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from lxml import etree

from forms.layout import Layout
from forms.reasons import LABEL_LOST, LABEL_UNREAD, NOT_SAVED
from pimcollect.domain.catalogue import REFERENCE, Catalogue, Item
from pimcollect.domain.entities import is_list_name, is_property_name, is_shown, read_label
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import TEST, Question, SavedEntity
from pimcollect.servers.instance import local_name, parse_xml

_SAVE_TO = "{http://www.opendatakit.org/xforms/entities}saveto"
PATH = "meta/entity"


def find_labelled(xform: str) -> frozenset[str]:
    """Paths of the entities that an XForm has a label for."""
    binds = (one for one in parse_xml(xform.encode()).iter() if local_name(one) == "bind")
    named = ((one.get("nodeset") or "").lstrip("/").partition("/")[2] for one in binds if one.get("calculate"))
    return frozenset(one.removesuffix("/label") for one in named if one.endswith(f"{PATH}/label"))


def set_apart(catalogue: Catalogue) -> Catalogue:
    """The same catalogue with lists of its own for a field test. By their very names: a phone keeps one list of a name,
    whatever form fetches it, and what is only being tried must not stand among real sites."""
    names = {one.list: f"{one.list}{TEST}" for one in catalogue.entities}
    if not names:
        return catalogue
    read = re.compile(rf"((?:instance|pulldata)\(\s*['\"])({'|'.join(map(re.escape, names))})(?=['\"])")

    def move(text: str) -> str:
        return read.sub(lambda found: f"{found[1]}{names[found[2]]}", text)

    def name_file(file: str) -> str:
        name = file.removesuffix(".csv")
        return f"{names[name]}.csv" if name in names and file != name else file

    def of_item(item: Item) -> Item:
        asking = replace(
            item.asking,
            file=name_file(item.asking.file),
            choice_filter=move(item.asking.choice_filter),
            default=move(item.asking.default),
            repeat_count=move(item.asking.repeat_count),
        )
        return replace(
            item,
            asking=asking,
            relevant=move(item.relevant),
            constraint=move(item.constraint),
            calculation=move(item.calculation),
        )

    return replace(
        catalogue,
        items=tuple(map(of_item, catalogue.items)),
        entities=tuple(replace(one, list=names[one.list]) for one in catalogue.entities),
    )


def plan_entity(layout: Layout) -> tuple[SavedEntity, ...]:
    """That of a form of the bank, which has one at most."""
    if layout.entity is None:
        return ()
    keys = {f"${{{row.name}}}": row.key or row.name for row in layout.rows if row.is_question}
    label = REFERENCE.sub(lambda found: f"${{{found[1].strip()}}}", layout.entity.label)
    saved = {row.save_to: row.key or row.name for row in layout.rows if row.save_to}
    return (SavedEntity(layout.entity.list, PATH, read_label(label, keys), dict(sorted(saved.items()))),)


def read_entities(xform: str, questions: Sequence[Question], repeats: Sequence[str]) -> tuple[SavedEntity, ...]:
    """Those of an XForm that was made elsewhere. What stands in a repeat is left out: its members are people."""
    model = parse_xml(xform.encode())
    instance = next(one for one in model.iter() if local_name(one) == "instance")
    root = instance[0]
    above = f"/{local_name(root)}/"
    binds = {(one.get("nodeset") or "").removeprefix(above): one for one in model.iter() if local_name(one) == "bind"}
    found = {
        path: str(node.get("dataset"))
        for path, node in _walk(root, "")
        if is_list_name(str(node.get("dataset"))) and not any(path.startswith(f"{one}/") for one in repeats)
    }
    keys = {f"{above}{one.path}": one.key for one in questions if not one.repeat}
    saved: dict[str, dict[str, str]] = {path: {} for path in found}
    for one in questions:
        name = binds[one.path].get(_SAVE_TO) if one.path in binds and not one.repeat else None
        owner = max((path for path in found if _is_inside(one.path, path)), key=len, default=None)
        if name and owner is not None and is_property_name(name):
            saved[owner][name] = one.key
    return tuple(
        SavedEntity(list_, path, read_label(_read_calculation(binds, path), keys), dict(sorted(saved[path].items())))
        for path, list_ in sorted(found.items())
    )


def find_losses(
    entities: Sequence[SavedEntity], questions: Sequence[Question], *, labelled: Collection[str]
) -> Iterator[str]:
    """What of a list will not be there as the form wants it, since it would tell too much: said at the build.

    Each begins with its place: `entities`, or the path of the question. `labelled` are the paths of the entities for
    which the form has a label; a later visit may leave it as it is."""
    by_key = {one.key: one for one in questions if not one.repeat}
    for one in entities:
        lost = [part.question for part in one.label if part.question and not is_shown(by_key.get(part.question))]
        if lost:
            yield f"entities {phrase(LABEL_LOST, list=one.list, names=lost)}"
        elif not one.label and one.path in labelled:
            yield f"entities {phrase(LABEL_UNREAD, list=one.list)}"
        for name, key in one.properties.items():
            if not is_shown(by_key.get(key)):
                yield f"{by_key[key].path if key in by_key else key} {phrase(NOT_SAVED, property=name, list=one.list)}"


def _walk(node: etree._Element, above: str) -> Iterator[tuple[str, etree._Element]]:
    """(path below the root, element) of each entity."""
    for one in node:
        path = f"{above}{local_name(one)}"
        if one.get("dataset") and path.endswith(PATH):
            yield path, one
        yield from _walk(one, f"{path}/")


def _is_inside(question: str, entity: str) -> bool:
    """Whether a question stands in the group, or form, that an entity is of."""
    return question.startswith(entity.removesuffix(PATH))


def _read_calculation(binds: dict[str, etree._Element], path: str) -> str:
    bind = binds.get(f"{path}/label")
    return "" if bind is None else bind.get("calculate") or ""
