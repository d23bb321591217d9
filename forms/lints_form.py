"""Lints of one compiled form of the bank: gates, pathways, time, areas, risks, thresholds, and what could be cut."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace

from forms.checks import find_faults
from forms.layout import Layout
from forms.lints import Lint, Severity, find
from forms.lints_bank import CONTROLS
from forms.plan import plan_consent
from forms.release import count_drafted, plan_version
from forms.rows import PLACE_LISTS
from forms.selection import Selection
from forms.uses import DEMOGRAPHICS, FIGURES
from forms.wishes import Served
from forms.wording import LANGUAGE_NAMES
from pimcollect.domain.catalogue import SCREENING, Catalogue, Item, NamedPlace, find_references
from pimcollect.domain.grammar import find_field, names_used, parse_rule
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import Question, Version

BUDGET = 30
"""Minutes that an interview may last (L13)."""

_NAMED = 3
"""So many labels in common with the gazetteer make a list one of areas."""


def lint_layout(catalogue: Catalogue, selection: Selection, layout: Layout, rows: Mapping[str, int]) -> Iterator[Lint]:
    """What the layout itself says; `rows` maps names to their rows on the survey sheet."""
    version = plan_version(catalogue, selection, layout)
    names = {row.name for row in layout.rows}
    for fault in find_faults(catalogue, layout, plan_consent(names)):
        yield replace(fault, row=rows.get(fault.name.rpartition(" ")[2], 0))
    if selection.minutes > BUDGET:
        text = phrase(
            "%(minutes)s minutes are assumed, %(budget)s are planned for; a time budget cuts the rest",
            minutes=selection.minutes,
            budget=BUDGET,
        )
        yield find("L13", "settings", name=selection.form, text=text)
    for language in layout.languages:
        if number := count_drafted(catalogue, layout, language):
            text = phrase("%(number)s texts are machine-drafted and not approved", number=number)
            yield find("L10", "settings", name=LANGUAGE_NAMES[language], text=text)
    yield from _lint_threats(selection)
    yield from lint_thresholds(version)
    yield from _lint_uses(catalogue, selection, version, rows)


NO_SERVICES = phrase(
    "no services are loaded: no referral of this form would reach anybody; load them with pimcollect services import"
)


def lint_pathways(version: Version, places: tuple[NamedPlace, ...], served: tuple[Served, ...]) -> Iterator[Lint]:
    """Pathways that a flag or a request of this form can raise, and first-level areas in which nobody serves them."""
    above = {place.code: place.parent for place in places}
    covered: dict[str, set[str | None]] = {}
    for one in served:
        place = one.place
        while place is not None and above.get(place):
            place = above[place]
        covered.setdefault(one.pathway, set()).add(place)
    asked = version.requests.pathways.values() if version.requests else ()
    raised = {rule.pathway for rule in version.flags} | set(asked)
    if raised and not served:
        yield find("L09", "pathways", name="", text=NO_SERVICES)
        return
    areas = [place.code for place in places if place.level == 1]
    for pathway in sorted(raised & version.pathways.keys()):
        known = covered.get(pathway, set())
        lost = [] if None in known else [area for area in areas if area not in known]
        if lost or not known:
            rules = [rule.id for rule in version.flags if rule.pathway == pathway]
            text = phrase(
                "%(unserved)s; %(raised)s",
                unserved=phrase("nobody serves it in %(areas)s", areas=lost)
                if known
                else phrase("nobody serves it anywhere"),
                raised=phrase("raised by %(rules)s", rules=rules) if rules else phrase("people can ask for it"),
            )
            yield find("L09", "pathways", name=pathway, text=text)


def lint_areas(layout: Layout, places: tuple[NamedPlace, ...]) -> Iterator[Lint]:
    """Lists that hold names or codes of the gazetteer without coming from it."""
    known = {place.code.casefold() for place in places}
    known |= {name.casefold() for place in places for name in place.names.values()}
    for name, choices in layout.lists.items():
        if name in PLACE_LISTS:
            continue
        said = [{text.casefold() for text in (one.code, *one.label.values())} for one in choices]
        same = [one for one in said if known & one]
        if len(same) >= _NAMED:
            yield find(
                "L16",
                "choices",
                name=name,
                text=phrase("%(number)s of its codes or labels are areas", number=len(same)),
            )


def lint_long_lists(layout: Layout) -> Iterator[Lint]:
    """Labels that lack in lists which are files beside the form (X07)."""
    for name in layout.external:
        for language in layout.languages:
            lost = [one.code for one in layout.lists[name] if language not in one.label]
            if lost:
                text = phrase(
                    "%(number)s of its choices lack a %(language)s label, the first is %(code)s",
                    number=len(lost),
                    language=LANGUAGE_NAMES[language],
                    code=lost[0],
                )
                yield find("X07", "choices", name=name, text=text)


def lint_names(places: tuple[NamedPlace, ...], languages: tuple[str, ...]) -> Iterator[Lint]:
    """Areas without a name in a language of the form: people would read the English one."""
    for language in languages:
        lost = [place.code for place in places if language not in place.names]
        if lost:
            shown = {"language": LANGUAGE_NAMES[language], "places": lost[:_NAMED], "number": len(lost) - _NAMED}
            text = (
                phrase("no %(language)s name for %(places)s and %(number)s more: English is shown", **shown)
                if lost[_NAMED:]
                else phrase("no %(language)s name for %(places)s: English is shown", **shown)
            )
            yield find("X07", "places", name=f"name_{language}", text=text, severity=Severity.WARNING)


def _numbers(item: Item) -> set[str]:
    return {one.strip() for one in item.risks.split(",") if one.strip()}


def _lint_threats(selection: Selection) -> Iterator[Lint]:
    """A risk is a threat to somebody: effects without a threat cannot be read (L20)."""
    threats = {number for item in selection.items if item.component == "T" for number in _numbers(item)}
    risks = {number for item in selection.items for number in _numbers(item)}
    for number in sorted(risks - threats, key=int):
        items = [item.id for item in selection.items if number in _numbers(item)]
        text = phrase("asked by %(items)s, none of them about the threat", items=items)
        yield find("L20", "items", name=f"risk {number}", text=text)


def lint_thresholds(version: Version) -> Iterator[Lint]:
    """Rules that cut where the treated answer does not: nobody could find again what was flagged (X08)."""
    top = {question.key: question for question in version.questions if not question.repeat}
    inner = {
        (question.repeat.rpartition("/")[2], question.key): question
        for question in version.questions
        if question.repeat
    }
    for rule in version.flags:
        members = _find_members(rule.expression)
        for node in ast.walk(parse_rule(rule.expression)):
            if not isinstance(node, ast.Compare) or len(node.ops) != 1:
                continue
            owner, key = find_field(node.left)
            name = node.left.id if isinstance(node.left, ast.Name) else ""
            question = inner.get((members.get(owner, ""), key)) if owner else top.get(name)
            if question and (text := _find_break(question, node.ops[0], node.comparators[0])):
                is_exact_kept = question.treatment.kind == "recode"  # for protection analysts
                severity = Severity.WARNING if is_exact_kept else Severity.ERROR
                yield find("X08", "flag_rules", name=f"{rule.id} {question.key}", text=text, severity=severity)


def _find_members(expression: str) -> dict[str, str]:
    """Loop variables of a rule -> the repeat that each goes through."""
    return {
        loop.target.id: loop.iter.id
        for node in ast.walk(parse_rule(expression))
        if isinstance(node, ast.GeneratorExp)
        for loop in node.generators
        if isinstance(loop.target, ast.Name) and isinstance(loop.iter, ast.Name)
    }


def _find_break(question: Question, operator: ast.cmpop, right: ast.expr) -> str:
    kind, options = question.treatment.kind, question.treatment.options
    try:
        value = ast.literal_eval(right)
    except ValueError:
        return ""
    if kind == "recode":
        codes = set(value) if isinstance(value, tuple | list | set) else {value}
        mixed = {broader for code, broader in options["map"].items() if code in codes} & {
            broader for code, broader in options["map"].items() if code not in codes
        }
        codes_told = sorted(map(str, mixed))
        return phrase("%(codes)s mixes codes that the rule tells apart", codes=codes_told) if mixed else ""
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    edges = {value + 1} if isinstance(operator, ast.Gt | ast.LtE) else {value}
    if isinstance(operator, ast.Eq | ast.NotEq):
        edges = {value, value + 1}
    if kind == "band" and (lost := edges - set(options["cuts"]) - {0}):
        return phrase("the rule cuts at %(cut)s, and no band begins there", cut=min(lost))
    if kind == "topcode" and max(edges) > options["from"]:
        return phrase("the rule cuts at %(cut)s, and %(top)s and more are one", cut=max(edges), top=options["from"])
    if kind == "round" and any(edge % options["to"] for edge in edges):
        return phrase("the rule cuts at %(cut)s, and the answer is rounded to %(to)s", cut=min(edges), to=options["to"])
    return ""


def _lint_uses(catalogue: Catalogue, selection: Selection, version: Version, rows: Mapping[str, int]) -> Iterator[Lint]:
    """Questions that no rule, other question, figure, table or referral reads, and that serve no decision (X10)."""
    read = set(find_references(catalogue.screening)) | {SCREENING}
    for rule in version.flags:
        read |= {name.split("/")[0] for name in names_used(rule.expression)}
    for item in selection.items:
        read |= find_references(item.relevant, item.constraint, item.calculation) - {item.name}
    profile = version.profile
    read |= {*profile.places, profile.group, profile.sex, profile.age, profile.whom}
    idle = [
        item
        for item in selection.items
        if not (item.name in read or item.id in FIGURES or item.module in (*CONTROLS, DEMOGRAPHICS) or "->" in item.use)
    ]
    for item in idle:
        text = phrase(
            "no rule, figure or decision reads it; cutting it saves %(seconds)s seconds", seconds=item.seconds
        )
        yield find("X10", "survey", row=rows.get(item.name, 0), name=f"{item.id} {item.name}", text=text)
    if len(idle) > 1:
        text = phrase(
            "cutting all %(number)s of these saves about %(saved)s of %(whole)s minutes",
            number=len(idle),
            saved=f"{sum(item.seconds for item in idle) / 60:.1f}",
            whole=selection.minutes,
        )
        yield find("X10", "settings", name=selection.form, text=text)
