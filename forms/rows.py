"""Rows of a survey sheet, and the choice lists that no bank holds: places and the form's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forms.wording import LANGUAGE_NAMES, say
from pimcollect.domain.catalogue import SELECTS, ListedChoice, NamedPlace, Text
from pimcollect.errors import ErrorCode, PimError

LISTED = (*SELECTS, "rank")
"""Types whose answers are codes of a list."""

VERSION_MARK = "@version"
"""Stands for the version string until it is known: it is made from the content."""

PURPOSE_MARK = "pim_purpose"
"""The question that carries the purpose of the form into every submission."""

DERIVED = "derived"
"""Type of a row that is no row of the form: the server derives its value from other answers."""

ANYWHERE = "any"
"""Parent of the codes that every area offers (does not know, not in the list)."""

PLACE_LISTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "adm1": (1, ()),
    "adm2": (2, ()),
    "adm3": (3, ("not_listed",)),
    "adm1_open": (1, ("dk", "pns")),
    "adm2_open": (2, ("dk", "pns")),
}
"""Choice lists made from the gazetteer: level, and the codes offered besides the places."""

OPEN_LISTS = ("adm1_open", "adm2_open")
"""Of a place of origin: anywhere."""

_OWN_LISTS: Mapping[str, tuple[str, ...]] = {"act_status": ("planned", "ongoing", "completed", "stopped")}


def find_own_list(name: str) -> tuple[ListedChoice, ...]:
    """A choice list that is the form's own; empty when it is the bank's."""
    return tuple(ListedChoice(code, say(code)) for code in _OWN_LISTS.get(name, ()))


@dataclass(frozen=True)
class Row:
    """One row of the survey sheet, and where it comes from."""

    type: str
    """As XLSForm writes it, with the list: `select_one yn`."""
    name: str = ""
    label: Text = field(default_factory=dict)
    hint: Text = field(default_factory=dict)
    is_required: bool = False
    relevant: str = ""
    constraint: str = ""
    message: Text = field(default_factory=dict)
    calculation: str = ""
    appearance: str = ""
    choice_filter: str = ""
    item: str = ""
    module: str = ""
    key: str = ""
    """Name in rules where it differs from the row's name (members of the roster)."""
    guidance: Text = field(default_factory=dict)
    required_message: Text = field(default_factory=dict)
    parameters: str = ""
    default: str = ""
    trigger: str = ""
    readonly: str = ""
    repeat_count: str = ""
    media: Mapping[str, str] = field(default_factory=dict)
    """image, audio, video or big-image -> file name."""
    save_to: str = ""
    file: str = ""
    """The file that its choices come from, where no list of the bank has them."""

    @property
    def kind(self) -> str:
        """The type without its list."""
        return self.type.split(" ", 1)[0]

    @property
    def choices(self) -> str:
        """Name of its choice list; empty if none."""
        return self.type.split(" ", 1)[1] if self.kind in LISTED and not self.file else ""

    @property
    def expressions(self) -> tuple[str, ...]:
        """All that may refer to other questions."""
        own = (self.relevant, self.constraint, self.calculation, self.choice_filter)
        return (*own, self.default, self.trigger, self.readonly, self.repeat_count)

    @property
    def is_question(self) -> bool:
        """True when a value can arrive for it."""
        return self.kind not in ("begin_group", "end_group", "begin_repeat", "end_repeat", "note")

    @property
    def is_shown(self) -> bool:
        """True when somebody reads it."""
        return self.kind not in ("end_group", "end_repeat", "calculate", "today", DERIVED)

    @property
    def texts(self) -> tuple[Text, ...]:
        """All that people read of it."""
        return (self.label, self.hint, self.guidance, self.message, self.required_message)


def list_places(name: str, places: tuple[NamedPlace, ...]) -> tuple[ListedChoice, ...]:
    """A choice list of the gazetteer. Raises PimError(BAD_FORM) when there is no place of its level."""
    level, extra = PLACE_LISTS[name]
    found = [place for place in places if place.level == level]
    if not found:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The form asks for areas of level {level}, but there are none.",
            remedy="Import the list of areas first: pimcollect places import FILE.csv",
        )
    named = [
        ListedChoice(
            place.code,
            {language: place.names.get(language) or place.names.get("en") or place.code for language in LANGUAGE_NAMES},
            parent=place.parent or "",
        )
        for place in sorted(found, key=lambda one: one.code)
    ]
    return (*named, *(ListedChoice(code, say(code), parent=ANYWHERE) for code in extra))
