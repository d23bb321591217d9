"""Adopt a form that was made elsewhere: read its workbook, decide what happens to each field, freeze it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from forms.consents import find_consent
from forms.defaults import Fate, choose_calculation, choose_fate, identifies
from forms.entities import find_labelled, find_losses, read_entities
from forms.files import find_uris, freeze_files, write_entity_list
from forms.outline import Field, Outline, read_outline
from forms.overrides import Overrides, read_overrides
from forms.release import Frozen
from forms.selection import KINDS
from pimcollect.domain.decide import prepare
from pimcollect.domain.version import Choice, Condition, ConsentMap, Question, Treatment, Version, write_version
from pimcollect.errors import ErrorCode, PimError

_HASH_LENGTH = 8
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


@dataclass(frozen=True)
class Adopted:
    """A frozen form that was made elsewhere, and what happens to each of its fields."""

    frozen: Frozen
    fates: Mapping[str, Fate]
    """By path, in the order of the form."""
    warnings: tuple[str, ...] = ()


def adopt_form(
    data: bytes,
    *,
    name: str,
    consent: str | None = None,
    treatments: bytes | None = None,
    form: str | None = None,
    files: Mapping[str, bytes] | None = None,
    lists: Collection[str] = (),
) -> Adopted:
    """Freeze a version for an XLSForm made elsewhere. Pure: the same files give the same version.

    `name` is the file's name without ending, `consent` the question by which people agree, `treatments` the content of
    a treatments file, `form` another id for the form, `files` those that lie beside the workbook, by name: what the
    form refers to is frozen with it. `lists` are the entity lists that other forms fill. Raises PimError: BAD_FILE,
    TOO_LARGE, BAD_FORM, CONSENT_NOT_NAMED, BAD_TREATMENT, BAD_EXPRESSION.
    """
    outline = read_outline(data, name=name)
    return adopt_outline(outline, data, consent=consent, treatments=treatments, form=form, files=files, lists=lists)


def adopt_outline(
    outline: Outline,
    data: bytes,
    *,
    consent: str | None = None,
    treatments: bytes | None = None,
    form: str | None = None,
    files: Mapping[str, bytes] | None = None,
    lists: Collection[str] = (),
) -> Adopted:
    """The same for a workbook `data` whose outline was read."""
    overrides, keep = _read_all(outline, form=form or outline.form, treatments=treatments, consent=consent)
    outline = replace(outline, form=form or outline.form)
    fates = decide_fates(outline, overrides)
    wanted = find_uris(outline.xform)
    draft = _make_version(outline, overrides, fates, keep)
    entities = read_entities(outline.xform, draft.questions, draft.repeats)
    own = {f"{one.list}.csv": write_entity_list(one.properties) for one in entities}
    given = {name: files[name] for name in wanted if files and name in files}
    # what lies beside the workbook under the name of another form's list is a file of this form's own
    known = {f"{name}.csv": write_entity_list(()) for name in lists if f"{name}.csv" not in given}
    filled = {name: content for name, content in {**known, **own}.items() if name in wanted}
    kept = {**filled, **given}
    version = replace(draft, entities=entities, files=freeze_files(kept, lists=filled))
    content = f"{write_version(version)}\n{hashlib.sha256(data).hexdigest()}"
    short = hashlib.sha256(content.encode()).hexdigest()[:_HASH_LENGTH]
    version = replace(version, version=f"{outline.version or 'unversioned'}-{short}")
    prepare(version)
    return Adopted(
        frozen=Frozen(version, data, outline.xform, kept),
        fates={one.path: fates[one.path] for one in outline.fields},
        warnings=(
            *_warn(outline, overrides),
            *find_losses(entities, version.questions, labelled=find_labelled(outline.xform)),
            *(_miss(name) for name in wanted if name not in kept),
            *(_pass_over(name) for name in filled if name in given),
        ),
    )


def _pass_over(name: str) -> str:
    return f"Phones that fetch {name} from here get the rows that submissions make, not those beside the workbook."


def _read_all(
    outline: Outline, *, form: str, treatments: bytes | None, consent: str | None
) -> tuple[Overrides, tuple[Condition, ...]]:
    """What a treatments file says, and what must be agreed to. The id, the file and the consent are judged in one go:
    whoever made several mistakes is told all of them."""
    wrong: list[PimError] = []
    overrides, keep = Overrides(), tuple[Condition, ...]()
    with _gathering(wrong):
        check_id(form)
    with _gathering(wrong):
        overrides = Overrides() if treatments is None else read_overrides(treatments, outline)
        keep = overrides.keep
    may_name_consent = bool(wrong) and treatments is not None and b'"consent"' in treatments
    with _gathering(wrong):
        if consent is not None or not (keep or may_name_consent):
            keep = (find_consent(outline, named=consent),)
    if wrong:
        first, *others = wrong
        remedy = " ".join((first.remedy, *map(str, others))).strip()
        raise PimError(first.code, first.message, remedy=remedy) from first
    return overrides, keep


@contextmanager
def _gathering(wrong: list[PimError]) -> Iterator[None]:
    try:
        yield
    except PimError as error:
        wrong.append(error)


def _miss(name: str) -> str:
    return f"The file {name} is not beside the workbook; phones that fetch the form from here will not have it."


def check_id(form: str) -> str:
    """The id becomes part of file names and addresses, and must not take over a form of the bank."""
    if not _ID.match(form):
        raise PimError(
            ErrorCode.BAD_FORM,
            "The form_id of the workbook cannot be used: 1 to 64 letters, digits, ., - and _, a letter or digit first.",
            remedy="Name another one with --form ID.",
        )
    if form in KINDS:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"{form} is the id of a form that is built from the bank.",
            remedy="Name another one with --form ID.",
        )
    return form


def decide_fates(outline: Outline, overrides: Overrides) -> dict[str, Fate]:
    """What happens to each field, by path. Calculations last: they are kept only if all they are made of is kept."""
    fates: dict[str, Fate] = {}
    for one in outline.fields:
        if one.key in overrides.treatments:
            fates[one.path] = Fate(overrides.treatments[one.key], "the treatments file says so")
        elif one.type != "calculate":
            fates[one.path] = choose_fate(one)
    waiting = [one for one in outline.fields if one.path not in fates]
    while waiting:
        known = {one.name: fates[one.path].treatment for one in outline.fields if one.path in fates}
        names = {one.name for one in waiting}
        ready = [one for one in waiting if names.isdisjoint(_made_of(one, names) - {one.name})] or waiting
        for one in ready:
            fates[one.path] = choose_calculation(one, known)
        waiting = [one for one in waiting if one.path not in fates]
    return fates


def _made_of(one: Field, names: set[str]) -> set[str]:
    return {name for name in names if f"${{{name}}}" in one.calculation.replace(" ", "")}


def _make_version(
    outline: Outline, overrides: Overrides, fates: Mapping[str, Fate], keep: tuple[Condition, ...]
) -> Version:
    return Version(
        form=outline.form,
        title=outline.title,
        version="",
        origin="adopted",
        bank_version="",
        languages=outline.languages,
        questions=tuple(_question(one, fates[one.path].treatment) for one in outline.fields),
        choices={
            name: tuple(Choice(code) for code in codes)
            for name, codes in sorted(outline.lists.items())
            if any(one.choices == name for one in outline.fields)
        },
        repeats=outline.repeats,
        consent=ConsentMap(keep=keep, share=overrides.share, refer=overrides.refer, media=overrides.media),
        flags=overrides.flags,
        pathways=overrides.pathways,
        requests=overrides.requests,
        referral=overrides.referral,
        profile=overrides.profile,
        is_encrypted=outline.is_encrypted,
    )


def _question(one: Field, treatment: Treatment) -> Question:
    return Question(
        key=one.key,
        path=one.path,
        type=one.type,
        treatment=treatment,
        repeat=one.repeat,
        choices=one.choices,
        disclosure="direct" if identifies(one) else "",
    )


def _warn(outline: Outline, overrides: Overrides) -> list[str]:
    warnings = [
        f"{one.path} looks as if it identifies people, and the treatments file lets it through."
        for one in outline.fields
        if identifies(one)
        and overrides.treatments.get(one.key, Treatment("drop")).kind not in ("drop", "derive", "vault", "pseudonym")
    ]
    if not overrides.share:
        warnings.append("No consent to share is named: nothing of this form may leave in shared exports.")
    if outline.is_encrypted:
        warnings.append(
            "The form is encrypted with a key of its own. Bring the private half with `pimcollect forms keys create "
            f"{outline.form} --from FILE.pem`: without it, its submissions are held."
        )
    return warnings
