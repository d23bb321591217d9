"""Lay a selection out as rows of an XLSForm: consent, screening, modules, referral, closing, each behind its gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from forms.bank import rule_names
from forms.files import find_external, lay_files
from forms.gates import (
    AGREED,
    CLOSING_MODULE,
    CONSENT_MODULE,
    IS_ADULT,
    OBSERVED,
    SCREENING_MODULE,
    choose_gate,
    choose_own_gate,
    join_conditions,
)
from forms.mistakes import CONTAINERS
from forms.parts import expand
from forms.reasons import UNDECIDED
from forms.rewording import reword, reword_choice
from forms.rows import OPEN_LISTS, PLACE_LISTS, PURPOSE_MARK, VERSION_MARK, Row, find_own_list, list_places
from forms.selection import Selection
from forms.translations import SOURCE
from forms.wishes import narrow_places
from forms.wording import ENGLISH, say
from pimcollect.domain.catalogue import (
    PARTS,
    SCREENING,
    Catalogue,
    Item,
    ListedChoice,
    ListedEntity,
    Module,
    NamedPlace,
    Purpose,
    Text,
    find_references,
)
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import TEST
from pimcollect.errors import ErrorCode, PimError


@dataclass(frozen=True)
class Layout:
    """A whole form as rows and choice lists; everything that the workbook holds except its version."""

    form: str
    title: str
    languages: tuple[str, ...]
    rows: tuple[Row, ...]
    lists: Mapping[str, tuple[ListedChoice, ...]]
    left_out: tuple[str, ...] = field(default=())
    entity: ListedEntity | None = None
    """What the form creates or changes in an entity list."""
    entity_lists: tuple[str, ...] = ()
    """Entity lists that the form may read."""
    external: tuple[str, ...] = ()
    """Choice lists that are too long for the form: telephones fetch them as files beside it."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Name -> content of everything that telephones fetch with the form."""
    tool: str = ""
    purpose: str = ""


def lay_out(
    catalogue: Catalogue,
    selection: Selection,
    *,
    places: tuple[NamedPlace, ...],
    languages: tuple[str, ...],
    media: Mapping[str, bytes] | None = None,
    area: str = "",
    may_have_gaps: bool = False,
) -> Layout:
    """The rows of a form, in order. Pure and deterministic. Raises PimError when the selection needs places and the
    gazetteer has none of that level, when a wording is missing in one of `languages`, or a file in `media` (unless it
    `may_have_gaps`: lints want to name each of them)."""
    rows: list[Row] = [
        Row("today", "today"),
        Row("calculate", "pim_form_id", calculation=f"'{selection.form}'"),
        Row("calculate", "pim_catalogue_version", calculation=f"'{VERSION_MARK}'"),
    ]
    purpose = next((one for one in catalogue.purposes if one.id == selection.purpose), None)
    if purpose:
        rows.append(Row("calculate", PURPOSE_MARK, calculation=f"'{purpose.id}'"))
    chosen = {item.id for item in selection.items}
    for module in sorted(catalogue.modules, key=lambda one: one.id):
        items = tuple(item for item in selection.items if item.module == module.id)
        if module.id == CONSENT_MODULE and not items:
            rows += _observation()
        elif items:
            rows += _module(module, items, catalogue, is_asked=selection.tool != "O")
    rows = reword(_tell(rows, purpose), catalogue)
    lists = _collect_lists(rows, catalogue, places, area)
    if not may_have_gaps:
        _refuse_untranslated(rows, lists, languages)
    entity = _find_entity(catalogue, selection, rows)
    layout = Layout(
        form=selection.form,
        title=_title(selection, languages),
        languages=languages,
        rows=tuple(_speak(row if entity else replace(row, save_to=""), languages) for row in rows),
        lists={
            name: tuple(replace(choice, label=_only(choice.label, languages)) for choice in choices)
            for name, choices in lists.items()
        },
        left_out=(*selection.left_out, *map(str, selection.cuts), *_find_lost_rules(catalogue, chosen)),
        entity=entity,
        entity_lists=tuple(one.list for one in catalogue.entities),
        external=find_external(rows, lists),
        tool=selection.tool,
        purpose=selection.purpose,
    )
    return replace(layout, files=lay_files(layout, media=media or {}, may_have_gaps=may_have_gaps))


def _find_entity(catalogue: Catalogue, selection: Selection, rows: list[Row]) -> ListedEntity | None:
    """The entity of the tool, if the form asks all that it is made of. Nothing is created without the gate."""
    asked = {row.name for row in rows if row.is_question}
    for entity in catalogue.entities:
        if selection.tool not in entity.tools or not find_references(*entity.expressions) <= asked:
            continue
        gate = OBSERVED if selection.tool == "O" else AGREED
        create = entity.create_if or ("" if entity.update_if else gate)
        return replace(
            entity,
            entity_id=_make_id(entity.entity_id) if create else entity.entity_id,
            create_if=join_conditions(gate, create) if create else "",
            update_if=join_conditions(gate, entity.update_if) if entity.update_if else "",
        )
    return None


def _make_id(entity_id: str) -> str:
    """A form that creates as well as updates needs a new id where none was chosen: without one nothing is created."""
    return f"coalesce({entity_id}, uuid())" if entity_id and "uuid(" not in entity_id else entity_id


def _tell(rows: list[Row], purpose: Purpose | None) -> list[Row]:
    """The same rows; after the introduction people are told what this interview is for."""
    told: list[Row] = []
    for row in rows:
        told.append(row)
        if row.name == "con_intro_note" and purpose and purpose.text:
            told.append(Row("note", "con_purpose_note", label=purpose.text, relevant=IS_ADULT))
    return told


def _title(selection: Selection, languages: tuple[str, ...]) -> str:
    """The title in the form's first language, where it is one of ours: a workbook has room for one."""
    key = f"form_{selection.form.removesuffix(TEST)}"
    said = say(key) if key in ENGLISH else {}
    return said.get(languages[0], selection.title) if said.get(SOURCE) == selection.title else selection.title


def _only(text: Text, languages: tuple[str, ...]) -> dict[str, str]:
    """What the form says of it: a language that was not chosen must not change the form."""
    return {language: text[language] for language in languages if language in text}


def _speak(row: Row, languages: tuple[str, ...]) -> Row:
    return replace(
        row,
        label=_only(row.label, languages),
        hint=_only(row.hint, languages),
        message=_only(row.message, languages),
        guidance=_only(row.guidance, languages),
        required_message=_only(row.required_message, languages),
    )


def _observation() -> list[Row]:
    return [
        Row("begin_group", "con", label=say("observation")),
        Row("select_one yn", "obs_only", label=say("obs_only"), is_required=True, module=CONSENT_MODULE),
        Row("end_group"),
    ]


def _module(module: Module, items: tuple[Item, ...], catalogue: Catalogue, *, is_asked: bool) -> Iterator[Row]:
    yield Row("begin_group", module.prefix, label=module.title, relevant=choose_gate(module.id, is_asked=is_asked))
    yield from _items(items, catalogue, is_asked=is_asked)
    if module.id == SCREENING_MODULE:
        yield Row("calculate", SCREENING, calculation=catalogue.screening, module=module.id)
        yield Row("note", "ers_stop_note", label=say("ers_stop"), relevant=f"${{{SCREENING}}}='stop'")
        yield Row("note", "ers_apart_note", label=say("ers_apart"), relevant=f"${{{SCREENING}}}='apart'")
    yield Row("end_group")


def _items(items: tuple[Item, ...], catalogue: Catalogue, *, is_asked: bool, inside: str = "") -> Iterator[Row]:
    """The rows of the items that stand in one group or repeat, each group with those that stand in it."""
    for item in items:
        if item.asking.inside != inside:
            continue
        gated = replace(item, relevant=join_conditions(choose_own_gate(item, is_asked=is_asked), item.relevant))
        yield from _notes_before(item)
        rows = expand(gated, catalogue)
        if item.type in CONTAINERS:
            within = tuple(_items(items, catalogue, is_asked=is_asked, inside=item.name))
            yield from (rows[0], *within, rows[1]) if within else ()
            continue
        for row in rows:
            is_narrow = is_asked and item.module == CLOSING_MODULE and row.name in ("clo_place_adm2", "clo_place_adm3")
            yield replace(row, relevant=join_conditions(AGREED, row.relevant)) if is_narrow else row
        yield from _notes_after(item)


def _notes_before(item: Item) -> Iterator[Row]:
    if item.name == "con_understood":
        yield Row("note", "con_minor_note", label=say("con_minor"), relevant="${con_adult}='no'")
        yield Row("note", "con_intro_note", label=say("con_intro"), hint=say("con_intro_hint"), relevant=IS_ADULT)
    if item.name == "ref_consent":
        yield Row("note", "ref_explain_note", label=say("ref_explain"), relevant="${ref_want}='yes'")


def _notes_after(item: Item) -> Iterator[Row]:
    if item.name == "con_refusal":
        yield Row("note", "con_thanks_note", label=say("con_thanks"), relevant="${con_interview}='no'")
    if item.name == "clo_code":
        yield Row("note", "clo_card_note", label=say("clo_card"), relevant=AGREED)
        yield Row("note", "clo_feedback_note", label=say("clo_feedback"), relevant=AGREED)


def _collect_lists(
    rows: list[Row], catalogue: Catalogue, places: tuple[NamedPlace, ...], area: str
) -> dict[str, tuple[ListedChoice, ...]]:
    """The choice lists that the rows use, in order of first use; place lists come from the gazetteer: those of the
    interview's place from the `area` alone, those of an origin from all of it."""
    near = narrow_places(places, area) if area else places
    lists: dict[str, tuple[ListedChoice, ...]] = {}
    for row in rows:
        name = row.choices
        if not name or name in lists:
            continue
        if name in PLACE_LISTS:
            lists[name] = reword_choice(list_places(name, places if name in OPEN_LISTS else near), catalogue)
        else:
            own = find_own_list(name)
            lists[name] = reword_choice(own, catalogue) if own else catalogue.lists[name]
    return lists


_TEXTS = ("", "hint", "guidance", "message", "required_message")
"""What `Row.texts` are; the first is the question itself."""


def _refuse_untranslated(
    rows: list[Row], lists: Mapping[str, tuple[ListedChoice, ...]], languages: tuple[str, ...]
) -> None:
    missing = [
        (" ".join(filter(None, (row.name, what))), language)
        for row in rows
        for language in languages
        if row.is_shown
        for what, text in zip(_TEXTS, row.texts, strict=True)
        if (text or not what) and not text.get(language)
    ]
    missing += [
        (f"{name} {choice.code}", language)
        for name, choices in lists.items()
        for choice in choices
        for language in languages
        if not choice.label.get(language)
    ]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        named = ", ".join(f"{what} ({language})" for what, language in missing[:10])
        lacking = missing[0][1]
        raise PimError(
            ErrorCode.BAD_FORM,
            f"Wording is missing: {named}{more}.",
            remedy=f"`pimcollect bank translations list --language {lacking} --open` shows what is open, and "
            f"`pimcollect bank export bank.xlsx --translate {lacking}` has a row for each missing text: fill it in "
            "and import it. Or choose other languages.",
        )


def _find_lost_rules(catalogue: Catalogue, chosen: set[str]) -> list[str]:
    """Flag rules that this form cannot decide, each with what it lacks."""
    names = {item.name for item in catalogue.items if item.id in chosen} | {
        part for item in catalogue.items if item.id in chosen for part in PARTS.get(item.type, ())
    }
    return [
        f"{rule.id} {phrase(UNDECIDED, names=lost)}"
        for rule in catalogue.flags
        if (lost := sorted(rule_names(rule.expression) - names))
    ]
