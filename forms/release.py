"""Build a form from the bank and freeze it: workbook, XForm and the version that every later decision reads."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from forms import plan
from forms.checks import refuse_broken, refuse_faults
from forms.entities import PATH, find_losses, plan_entity, set_apart
from forms.files import describe_files
from forms.layout import Layout, lay_out
from forms.purposes import choose_purpose
from forms.selection import KINDS, Selection, select
from forms.translations import count_drafts, translate, translate_texts
from forms.wishes import Served, Wish, find_unserved
from forms.wording import ENGLISH, LANGUAGE_NAMES
from forms.workbook import lay_sheets, write_workbook
from forms.xform import to_clean_xform
from pimcollect.domain.catalogue import Asking, Catalogue, Item, NamedPlace, Text
from pimcollect.domain.decide import prepare
from pimcollect.domain.version import TEST, Version, hash_version, write_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.bank import FREE_TEXTS

_HASH_LENGTH = 8
"""What the id of a field test's form ends with."""


@dataclass(frozen=True)
class Frozen:
    """A frozen form: what phones get, and what decisions read."""

    version: Version
    xlsx: bytes
    xform: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Name -> content of the files that phones fetch with the form (`version.files`)."""
    selection: Selection | None = None
    """What was chosen and cut; None for a form that was made elsewhere."""

    @property
    def sha256(self) -> str:
        """Identity of the version."""
        return hash_version(self.version)


def read_languages(text: str) -> tuple[str, ...]:
    """`en,fr` -> ("en", "fr"), the first is the default. Raises PimError(BAD_FORM) for one that forms cannot speak."""
    languages = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [one for one in languages if one not in LANGUAGE_NAMES]
    if unknown or not languages:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"A form cannot be built in {', '.join(unknown) or 'no language'}.",
            remedy=f"Use one or more of: {', '.join(LANGUAGE_NAMES)}.",
        )
    return languages


def asks_severe(
    catalogue: Catalogue, form: str, *, languages: tuple[str, ...] = ("en",), wish: Wish | None = None
) -> bool:
    """Whether a form id asks anything severe: then phones encrypt what they send, unless somebody says otherwise."""
    return select(translate(catalogue), form, languages=languages, wish=wish).is_severe


def build_form(
    catalogue: Catalogue,
    form: str,
    *,
    places: tuple[NamedPlace, ...],
    languages: tuple[str, ...] = ("en",),
    is_field_test: bool = False,
    media: Mapping[str, bytes] | None = None,
    public_key: str = "",
    purpose: str = "",
    on: str = "",
    wish: Wish | None = None,
    served: tuple[Served, ...] = (),
) -> Frozen:
    """All steps from a form id to a frozen version. Pure: the same bank, places, languages and key give the same bytes.

    With a `public_key` (base64 of a DER SubjectPublicKeyInfo) phones encrypt what they send of it. A `wish` says what
    is asked, for how long and where; in its area, sensitive questions that nobody there could answer to (of those
    `served`) are closed. `media` are files by name that questions show, play or choose from.

    A field test is a form of its own, `<form>_test`: its submissions never mix with others. `purpose` and `on` are
    those of `choose_purpose`.
    Raises PimError: NOT_FOUND for an unknown form id, BAD_FORM for everything that forbids the build.
    """
    catalogue = set_apart(translate(catalogue)) if is_field_test else translate(catalogue)
    area = wish.area if wish else ""
    closed = find_unserved(catalogue, area, places, served) if area and served else {}
    tool = KINDS[form].tool if form in KINDS else wish.tool if wish else ""
    found = choose_purpose(catalogue.purposes, tool, wanted=purpose, on=on) if tool else None
    serving = found.items if found else frozenset[str]()
    selection = select(catalogue, form, languages=languages, wish=wish, closed=closed, serving=serving)
    own_id = f"{form}{TEST}" if is_field_test else form
    selection = replace(selection, form=own_id, purpose=found.id if found else "")
    layout = lay_out(catalogue, selection, places=places, languages=languages, media=media, area=area)
    if is_field_test:
        selection = replace(selection, title=f"{selection.title} (field test)")
        layout = replace(layout, title=f"{layout.title} (field test)")
    return freeze_version(catalogue, selection, layout, public_key=public_key, wish=wish)


def freeze_version(
    catalogue: Catalogue, selection: Selection, layout: Layout, *, public_key: str = "", wish: Wish | None = None
) -> Frozen:
    """Check, plan, write and convert a layout. The version string is `<bank version>-<8 hex of the content>`.

    The version is compiled as it will be for submissions: a treatment or a rule that cannot work fails here.
    """
    asked = wish.write() if wish else {}
    draft = replace(plan_version(catalogue, selection, layout), is_encrypted=bool(public_key), wish=asked)
    refuse_faults(catalogue, layout, draft.consent)
    version = replace(draft, version=f"{catalogue.version}-{_hash_content(draft, layout, public_key)}")
    prepare(version)
    sheets = lay_sheets(layout, version=version.version, public_key=public_key)
    refuse_broken(layout, sheets)
    return Frozen(version, write_workbook(sheets, title=layout.title), to_clean_xform(sheets), layout.files, selection)


def plan_version(catalogue: Catalogue, selection: Selection, layout: Layout) -> Version:
    """The version of a layout, still without its version string."""
    questions, repeats = plan.plan_questions(catalogue, layout)
    names = {question.key for question in questions if not question.repeat}
    entities = plan_entity(layout)
    return Version(
        form=selection.form,
        title=selection.title,
        version="",
        origin="bank",
        bank_version=catalogue.version,
        languages=layout.languages,
        questions=questions,
        choices=plan.plan_choices(layout),
        repeats=repeats,
        consent=plan.plan_consent(names),
        screening=plan.plan_screening(names),
        flags=plan.plan_flags(catalogue, layout),
        pathways=dict(catalogue.pathways),
        requests=plan.plan_requests(catalogue, names),
        referral=plan.plan_referral(names, repeats),
        profile=plan.plan_profile(names),
        left_out=(*layout.left_out, *find_losses(entities, questions, labelled={PATH})),
        purpose=selection.purpose,
        drafted=tuple(one for one in layout.languages if count_drafted(catalogue, layout, one)),
        files=describe_files(layout),
        minutes=selection.minutes,
        entities=entities,
    )


def count_drafted(catalogue: Catalogue, layout: Layout, language: str) -> int:
    """How many texts of a form are a machine's draft in this language: nobody has approved them."""
    asked = {row.item for row in layout.rows}
    modules = {row.module for row in layout.rows}
    items = [item for item in catalogue.items if item.id in asked]
    worded = [
        (f"{item.id}.{layout.tool}", item.variants[layout.tool]) for item in items if layout.tool in item.variants
    ]
    own = catalogue.translations
    texts: dict[str, list[tuple[str, Text]]] = {
        "items": [pair for item in items for pair in _list_own(item, layout.tool)],
        "variants": [pair for key, one in worded for pair in ((key, one.label), (f"{key}.hint", one.hint))],
        "purposes": [(one.id, one.text) for one in catalogue.purposes if one.id == layout.purpose],
        "modules": [(one.id, one.title) for one in catalogue.modules if one.id in modules],
        "choices": [
            (f"{name}.{choice.code}", choice.label) for name in layout.lists for choice in catalogue.lists.get(name, ())
        ],
        "words": list(translate_texts("words", ENGLISH, own)),
    }
    return count_drafts(texts, language, own=own, approved=catalogue.approved)


def _list_own(item: Item, tool: str) -> Iterator[tuple[str, Text]]:
    """The texts of an item that a form of this tool shows, by key; its own wording of the question has its own part."""
    if tool not in item.variants:
        yield item.id, item.label
        yield f"{item.id}.hint", item.hint
    for name in FREE_TEXTS:
        yield f"{item.id}.{name}", getattr(item.asking, name)


def _hash_content(version: Version, layout: Layout, public_key: str) -> str:
    """Eight hex characters over what is asked, how it reads, what happens to it and whose key it is encrypted with."""
    # what came later counts only where it says something: older forms keep their version
    listed = _list_shown(layout)
    shown = json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_list_shown)
    return hashlib.sha256(f"{write_version(version)}\n{shown}{public_key}".encode()).hexdigest()[:_HASH_LENGTH]


_TOLD = frozenset({"files", "tool", "purpose"})
_LATER = frozenset({one.name for one in fields(Asking)} | {"entity", "entity_lists", "external"}) - {
    "message",
    "appearance",
    "choice_filter",
}


def _list_shown(part: Any) -> dict[str, Any]:
    """The fields of a layout, row, choice or entity; the files are told by their digests in the version, the tool and
    the purpose by what stands in the form."""
    return {name: value for name, value in vars(part).items() if name not in _TOLD and (value or name not in _LATER)}


def write_files(frozen: Frozen, folder: Path) -> tuple[Path, ...]:
    """Write `<form>.xlsx`, `<form>.xml` and `<form>.version.json` into a folder, each whole or not at all, and the
    files that phones fetch with the form into `<form>-media` in it."""
    form = frozen.version.form
    media = {f"{form}-media/{name}": content for name, content in sorted(frozen.files.items())}
    make_folder(folder / f"{form}-media" if media else folder)
    written = []
    for name, content in (
        (f"{form}.xlsx", frozen.xlsx),
        (f"{form}.xml", frozen.xform.encode()),
        (f"{form}.version.json", write_version(frozen.version).encode()),
        *media.items(),
    ):
        path = folder / name
        write_whole(path, content)
        written.append(path)
    return tuple(written)


def make_folder(folder: Path) -> None:
    """A folder, with those above it. Raises PimError(BAD_FILE) when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The folder {folder} cannot be made: {error.strerror}.",
            remedy="Name another one with -o; nothing was written.",
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable for all. Raises PimError(BAD_FILE) when it cannot be written."""
    try:
        descriptor, waiting = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"Nothing can be written to {path.parent}: {error.strerror}.",
            remedy="Name another folder.",
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(waiting).chmod(0o644)
        Path(waiting).replace(path)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise
