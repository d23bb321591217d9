"""What may be wrong with a bank, a form from it, or an XLSForm made elsewhere: each with its place and its mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pimcollect.domain.phrases import phrase


class Severity(StrEnum):
    """An error must be mended before people are asked; a warning is for an information officer to judge."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """One lint: how grave it is, what it finds, and how it is mended."""

    severity: Severity
    title: str
    mend: str


_E, _W = Severity.ERROR, Severity.WARNING

RULES: dict[str, Rule] = {
    "L01": Rule(
        _E, phrase("no purpose or need"), phrase("Write into `use` what is measured and which decision it serves.")
    ),
    "L02": Rule(_W, phrase("no analysis plan"), phrase("Name the matrix category and the disaggregation.")),
    "L03": Rule(
        _E,
        phrase("a direct identifier outside the referral module"),
        phrase("Seal it in M17 (vault), or leave it out."),
    ),
    "L04": Rule(_E, phrase("a sensitive question before the screening"), phrase("Let its `rel` need ${ers_decision}.")),
    "L05": Rule(
        _E,
        phrase("own experience of violence, or a respondent under 18"),
        phrase("Ask about perceptions, and adults only."),
    ),
    "L06": Rule(_E, phrase("free text outside the vault"), phrase("Use a list of choices, or treat it as vault.")),
    "L07": Rule(_E, phrase("position, photo, sound, device or telephone"), phrase("Take the row out.")),
    "L08": Rule(
        _W, phrase("no way to say `does not know` or `prefers not to say`"), phrase("Add dk or pns to the list.")
    ),
    "L09": Rule(
        _W,
        phrase("a flag whose pathway nobody serves in the area"),
        phrase("Add a service, or close the question there."),
    ),
    "L10": Rule(
        _W, phrase("a translation that nobody has approved"), phrase("Let an information officer read and approve it.")
    ),
    "L11": Rule(
        _W, phrase("a key twice, or nearly the same question twice"), phrase("Merge them, or say how they differ.")
    ),
    "L12": Rule(
        _E,
        phrase("one key with different type, recall or list"),
        phrase("Give the different question a key of its own."),
    ),
    "L13": Rule(_W, phrase("over the time budget"), phrase("Cut questions that nothing reads (X10).")),
    "L14": Rule(_E, phrase("a sensitive answer that is required"), phrase("Let people pass it over.")),
    "L15": Rule(_E, phrase("a code that stands alone, without a constraint"), phrase("Forbid other codes beside it.")),
    "L16": Rule(
        _W, phrase("a list of areas that is not the gazetteer's"), phrase("Use the area lists of the gazetteer.")
    ),
    "L17": Rule(_W, phrase("unused for several rounds"), phrase("Retire it, or ask it again.")),
    "L18": Rule(
        _W,
        phrase("a column of the choices sheet that reaches the telephone"),
        phrase("Keep remarks on the survey sheet."),
    ),
    "L19": Rule(
        _E, phrase("a unit or category that the matrix does not know"), phrase("Use one of the codes of the matrix.")
    ),
    "L20": Rule(
        _W,
        phrase("a risk without a question about the threat"),
        phrase("Add a threat question, or drop the risk's number."),
    ),
    "B01": Rule(
        _W,
        phrase("no purpose"),
        phrase("Write one for the tool, or another end: without a purpose no form is released."),
    ),
    "B02": Rule(_W, phrase("translations of an older wording"), phrase("Translate anew what the English says now.")),
    "B03": Rule(
        _W, phrase("sensitive wording that was not translated back"), phrase("Let somebody else translate it back.")
    ),
    "B04": Rule(
        _W,
        phrase("a disaggregation that cannot be made"),
        phrase("Name a set that items name, and the list of its source."),
    ),
    "B05": Rule(
        _W, phrase("a place whose end is unclear"), phrase("Give it a last day and what it became, in one area above.")
    ),
    "X00": Rule(_E, phrase("pyxform cannot read it"), phrase("Correct the row that it names.")),
    "X01": Rule(_E, phrase("a reference to nothing"), phrase("Correct the name, or add the question.")),
    "X02": Rule(_E, phrase("a function that no telephone knows"), phrase("Correct its spelling.")),
    "X03": Rule(_E, phrase("a regular expression that cannot be read"), phrase("Correct the pattern.")),
    "X04": Rule(
        _E,
        phrase("a choice filter on a column that is not there"),
        phrase("Add the column to the choices, or correct it."),
    ),
    "X05": Rule(_E, phrase("a file that is missing"), phrase("Put it beside the workbook, or take the name out.")),
    "X06": Rule(_E, phrase("questions that wait for each other"), phrase("Break the circle at one of them.")),
    "X07": Rule(_E, phrase("a missing translation"), phrase("Fill the cell: people would read `-`, or nothing.")),
    "X08": Rule(
        _E,
        phrase("a treatment that breaks the threshold of a flag rule"),
        phrase("Let the bands begin where the rule cuts."),
    ),
    "X09": Rule(
        _E,
        phrase("personal data in a name of the record or in the audit log"),
        phrase("Take it out: it leaves unsealed."),
    ),
    "X10": Rule(_W, phrase("a question that nothing reads"), phrase("Cut it, or plan what will be done with it.")),
    "X11": Rule(_W, phrase("a column that pyxform ignores"), phrase("Correct its spelling.")),
    "X12": Rule(_E, phrase("brackets or quotes that do not close"), phrase("Close them.")),
    "X13": Rule(
        _E,
        phrase("asked without consent"),
        phrase("Ask for consent first; when you adopt the form, name it with --consent."),
    ),
    "X14": Rule(_W, phrase("a name that not every server takes"), phrase("Use a-z, 0-9 and _, at most 32, each once.")),
    "X15": Rule(
        _W,
        phrase("something of an entity that never reaches phones"),
        phrase("Write labels as concat('Site ', ${code}), of codes that are kept; keep entities out of repeats."),
    ),
}
"""L01 to L20 are those of the bank (docs/imo/lints.md), B those of its other parts; X are about workbooks, beyond
pyxform and ODK Validate."""


@dataclass(frozen=True)
class Lint:
    """One finding. `sheet` is survey, choices, settings, entities, or a part of the bank (items, choice_lists, ...)."""

    code: str
    sheet: str
    row: int
    """As Excel counts; 0 where the place is no row of a workbook."""
    name: str
    """The question, list, item or column."""
    text: str
    severity: Severity

    @property
    def where(self) -> str:
        """The place in words."""
        parts = (self.sheet, f"row {self.row}" if self.row else "", self.name)
        return " ".join(part for part in parts if part)

    @property
    def mend(self) -> str:
        """What to do."""
        return RULES[self.code].mend


def find(
    code: str, sheet: str, *, name: str = "", row: int = 0, text: str = "", severity: Severity | None = None
) -> Lint:
    """A finding of a known rule; its text is the rule's title where there is nothing to add."""
    rule = RULES[code]
    return Lint(code, sheet, row, name, text or rule.title, severity or rule.severity)


def read_words(text: str) -> frozenset[str]:
    """A table of words, written with blanks between them."""
    return frozenset(text.split())


def order(lints: Iterable[Lint]) -> tuple[Lint, ...]:
    """Errors first, then by code and place; each once."""
    return tuple(
        sorted(dict.fromkeys(lints), key=lambda one: (one.severity, one.code, one.sheet, one.row, one.name, one.text))
    )
