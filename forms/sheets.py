"""What is printed of a frozen version: its workbook, the minutes by the bank, its pictures and its review notes."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from forms.lints_book import open_book
from forms.print import Note, Sheet
from forms.wording import ENGLISH, say
from forms.xlsforms import read_xlsform
from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.version import TEST, Version, read_version
from pimcollect.tables.form_files import find_form_files
from pimcollect.tables.form_notes import find_form_notes
from pimcollect.tables.forms import FormVersionRow


def read_sheet(session: Session, row: FormVersionRow, catalogue: Catalogue) -> Sheet:
    """A frozen version with what the database knows of it. The workbook is read in a bounded child."""
    version = read_version(row.document)
    form = row.form.removesuffix(TEST)
    said = say(f"form_{form}") if f"form_{form}" in ENGLISH else {}
    return Sheet(
        title=version.title,
        version=f"{row.form} {row.version}",
        book=open_book(read_xlsform(row.xlsx)),
        seconds=count_seconds(version, catalogue),
        consent=version.consent.keep[0].question if version.consent.keep else "",
        titles=said if said.get("en") == version.title else {},
        drafted=version.drafted,
        notes=tuple(Note(one.question, one.text, one.answer) for one in find_form_notes(session, row.form)),
        files={file.name: file.content for file in find_form_files(session, row.id)},
    )


def count_seconds(version: Version, catalogue: Catalogue) -> Mapping[str, int]:
    """Question -> the seconds that the bank assumes for its item, told once; empty for a form made elsewhere."""
    known = {item.id: item.seconds for item in catalogue.items}
    found: dict[str, int] = {}
    for question in version.questions:
        if question.item in known:
            found[question.path.rpartition("/")[2]] = known.pop(question.item)
    return found
