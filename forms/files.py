"""Files that telephones fetch with a form: long choice lists, pictures and sounds, and what entity lists start with."""

from __future__ import annotations

import csv
import html
import io
import mimetypes
import re
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from forms.rows import Row
from pimcollect.domain.catalogue import ListedChoice
from pimcollect.domain.version import FormFile
from pimcollect.errors import ErrorCode, PimError

if TYPE_CHECKING:
    from forms.layout import Layout

LONGEST_LIST = 500
"""Choices that a form carries itself; a longer list is a file beside it, which phones read row by row."""

LONGEST_FILE, LONGEST_FILES = 10 * 1024 * 1024, 50 * 1024 * 1024
"""Bytes of one file, and of all that a form has: people fetch them over a telephone's network."""

BETWEEN = " \N{MIDDLE DOT} "
"""Stands between the names of one choice in several languages: a file has one label for all of them."""

_URI = re.compile(r"jr://(?:images|audio|video|file|file-csv)/([^/\"'<>\\\x00-\x1f.][^/\"'<>\\\x00-\x1f]{0,127})")
_TYPES = {".csv": "text/csv", ".geojson": "application/geo+json", ".xml": "text/xml"}


def find_external(rows: Iterable[Row], lists: Mapping[str, tuple[ListedChoice, ...]]) -> tuple[str, ...]:
    """The lists that are too long for the form itself. An order of ranks is always asked from within."""
    ranked = {row.choices for row in rows if row.kind == "rank"}
    return tuple(name for name, choices in lists.items() if len(choices) > LONGEST_LIST and name not in ranked)


def name_list_file(name: str) -> str:
    """The file of a long list."""
    return f"{name}.csv"


def lay_files(layout: Layout, *, media: Mapping[str, bytes], may_have_gaps: bool = False) -> dict[str, bytes]:
    """The files of a form by name; `media` is what somebody gave, by name. Pure.

    Raises PimError(BAD_FORM) for one that is missing (unless it `may_have_gaps`) or too large.
    """
    files = {name_list_file(name): _write_list(layout.lists[name], layout.languages) for name in layout.external}
    own = {f"{name}.csv": _write_entity_list(layout, name) for name in layout.entity_lists}
    wanted = list_wanted(layout)
    missing = sorted(name for name in wanted if name not in media and name not in own)
    if missing and not may_have_gaps:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The form {layout.form} needs files that are not here: {', '.join(missing)}.",
            remedy="Put them into one folder and name it with --media FOLDER.",
        )
    files |= {name: own.get(name) or media[name] for name in wanted if name not in missing}
    check_sizes(files)
    return dict(sorted(files.items()))


def check_sizes(files: Mapping[str, bytes]) -> None:
    """Raise PimError(TOO_LARGE) for what no telephone should have to fetch."""
    too_large = sorted(name for name, content in files.items() if len(content) > LONGEST_FILE)
    if too_large or sum(map(len, files.values())) > LONGEST_FILES:
        raise PimError(
            ErrorCode.TOO_LARGE,
            f"The files of the form are too large: {', '.join(too_large) or 'all together'}.",
            remedy="A file may have 10 MB, all together 50 MB.",
        )


def list_wanted(layout: Layout) -> tuple[str, ...]:
    """Names of the files that rows and choices refer to, sorted."""
    names = {name for row in layout.rows for name in row.media.values()}
    names |= {name for choices in layout.lists.values() for one in choices for name in one.media.values()}
    return tuple(sorted(names | {row.file for row in layout.rows if row.file}))


def find_known(layout: Layout) -> dict[str, bytes]:
    """The files of a layout that are as phones will get them: an entity list has the columns of all forms on it."""
    entities = {f"{name}.csv" for name in layout.entity_lists}
    return {name: content for name, content in layout.files.items() if name not in entities}


def describe_files(layout: Layout) -> tuple[FormFile, ...]:
    """The files of a layout as its version names them."""
    entities = {f"{name}.csv" for name in layout.entity_lists}
    return tuple(
        FormFile(name, guess_type(name), sha256(content).hexdigest(), is_entity_list=name in entities)
        for name, content in layout.files.items()
    )


def freeze_files(contents: Mapping[str, bytes], *, lists: Collection[str] = ()) -> tuple[FormFile, ...]:
    """Files that somebody gave with a form, as a version names them, by name; `lists` are those that are entity
    lists."""
    check_sizes(contents)
    return tuple(
        FormFile(name, guess_type(name), sha256(content).hexdigest(), is_entity_list=name in lists)
        for name, content in sorted(contents.items())
    )


def write_entity_list(properties: Iterable[str]) -> bytes:
    """An entity list before the first visit: only its columns."""
    return _write_rows([("name", "label", "__version", *sorted(properties))])


def find_uris(xform: str) -> tuple[str, ...]:
    """Names of the files that an XForm fetches, sorted."""
    return tuple(sorted({html.unescape(name) for name in _URI.findall(xform)}))


def guess_type(name: str) -> str:
    """Content type of a file by its ending."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    return _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def read_codes(content: bytes, parameters: str) -> tuple[str, ...]:
    """The codes of a CSV of choices: its column `name`, or the one that `value=` names. Raises PimError(BAD_FILE)."""
    named = dict(part.split("=", 1) for part in parameters.split() if "=" in part)
    column = named.get("value", "name")
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PimError(
            ErrorCode.BAD_FILE, "A file of choices is no CSV in UTF-8.", remedy="Save it as CSV UTF-8."
        ) from error
    if not rows or any(column not in row or None in row or None in row.values() for row in rows):
        raise PimError(
            ErrorCode.BAD_FILE,
            f"A file of choices has no column {column}, or rows of another length.",
            remedy="The first line names the columns: name, label, and what a choice filter asks for.",
        )
    return tuple(dict.fromkeys(code for row in rows if (code := (row[column] or "").strip())))


def _write_rows(rows: Iterable[Iterable[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()


def _say_all(choice: ListedChoice, languages: tuple[str, ...]) -> str:
    return BETWEEN.join(dict.fromkeys(choice.label[one] for one in languages if one in choice.label))


def _write_list(choices: tuple[ListedChoice, ...], languages: tuple[str, ...]) -> bytes:
    """name, label, parent: phones look the label up, whatever language is chosen, so it says all of them."""
    return _write_rows(
        [
            ("name", "label", "parent"),
            *((one.code, _say_all(one, languages), one.parent) for one in choices),
        ]
    )


def _write_entity_list(layout: Layout, name: str) -> bytes:
    is_own = layout.entity is not None and layout.entity.list == name
    return write_entity_list({row.save_to for row in layout.rows if row.save_to} if is_own else ())
