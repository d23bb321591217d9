"""How much a change of each part and field of the bank weighs: the table behind patch, minor and major."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from pimcollect.domain.phrases import Phrase, phrase


class Weight(IntEnum):
    """Class of a change. A major one breaks the series: answers from before and after it cannot be compared."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def word(self) -> str:
        """As people read and write it."""
        return self.name.lower()


_P, _N, _M = Weight.PATCH, Weight.MINOR, Weight.MAJOR

SENSITIVITIES = "LMHS"
"""From the least to the most sensitive."""

TREATMENTS = (
    "keep",
    "round",
    "topcode",
    "band",
    "coarsen",
    "recode",
    "restrict",
    "redact",
    "derive",
    "vault",
    "drop",
    "never_store",
)
"""From the loosest to the strictest."""

_URGENCIES = "RHU"
SCALES: Mapping[tuple[str, str], Sequence[str]] = {
    ("item", "sens"): SENSITIVITIES,
    ("item", "treat"): TREATMENTS,
    ("item", "cls"): ("none", "comm", "quasi", "sens", "direct"),
    ("rule", "urgency"): _URGENCIES,
    ("pathway", "default_urgency"): _URGENCIES,
}
"""(part, field) -> its codes, from the one that protects least."""

PARTS: Mapping[str, tuple[tuple[Weight, Phrase], tuple[Weight, Phrase]]] = {
    "item": ((_N, phrase("a new item")), (_M, phrase("an item removed"))),
    "list": ((_N, phrase("a new list")), (_N, phrase("a list that nothing uses removed"))),
    "module": ((_N, phrase("a new module")), (_M, phrase("a module removed"))),
    "rule": ((_N, phrase("a new flag rule")), (_M, phrase("a flag rule removed"))),
    "pathway": ((_N, phrase("a new pathway")), (_M, phrase("a pathway removed"))),
    "questionnaire": ((_N, phrase("a form is kept")), (_N, phrase("a form is kept no longer"))),
    "entity": (
        (_N, phrase("something that is visited again")),
        (_M, phrase("something that is no longer visited again")),
    ),
    "variant": ((_N, phrase("a tool words it in its own way")), (_M, phrase("a tool words it like the others again"))),
    "translation": ((_P, phrase("a translation")), (_P, phrase("a translation removed"))),
    "term": ((_N, phrase("a new term")), (_N, phrase("a term removed"))),
    "purpose": ((_N, phrase("a new purpose")), (_M, phrase("a purpose removed"))),
    "disaggregation": ((_N, phrase("a new disaggregation")), (_M, phrase("a disaggregation removed"))),
    "place": ((_N, phrase("a new place")), (_M, phrase("a place removed: give it a last day instead"))),
    "request": (
        (_N, phrase("a service that people can ask for")),
        (_M, phrase("a service that people can no longer ask for")),
    ),
}
"""Part -> what it weighs when one comes, when one goes."""

FIELDS: Mapping[tuple[str, str], tuple[Weight, Phrase]] = {
    ("item", "name"): (_M, phrase("another name of the column")),
    ("item", "key"): (_M, phrase("another key: a series of its own")),
    ("item", "type"): (_M, phrase("another type of answer")),
    ("item", "lvl"): (_M, phrase("another unit")),
    ("item", "rel"): (_M, phrase("other people are asked")),
    ("item", "calc"): (_M, phrase("another calculation")),
    ("item", "treat"): (_M, phrase("other values are kept")),
    ("item", "cls"): (_N, phrase("what it tells about a person")),
    ("item", "constraint"): (_N, phrase("which answers the form lets through")),
    ("item", "req"): (_N, phrase("whether it must be answered")),
    ("item", "core_hh"): (_N, phrase("whether the short form asks it")),
    ("item", "module"): (_N, phrase("another module")),
    ("item", "use"): (_N, phrase("why it is asked")),
    ("item", "comp"): (_N, phrase("another component of risk")),
    ("item", "gpc"): (_N, phrase("other protection risks")),
    ("item", "matrix"): (_N, phrase("another category of the matrix")),
    ("item", "disagg"): (_N, phrase("other disaggregations")),
    ("item", "hint"): (_P, phrase("a hint")),
    ("item", "seconds"): (_P, phrase("assumed seconds")),
    ("item", "flag"): (_P, phrase("a remark")),
    ("item", "path"): (_P, phrase("a remark")),
    ("item", "urg"): (_P, phrase("a remark")),
    ("item", "guidance"): (_P, phrase("guidance for the enumerator")),
    ("item", "message"): (_P, phrase("what is said to a wrong answer")),
    ("item", "required_message"): (_P, phrase("what is said to a missing answer")),
    ("item", "appearance"): (_P, phrase("how it looks")),
    ("item", "image"): (_P, phrase("a picture")),
    ("item", "audio"): (_P, phrase("a sound")),
    ("item", "video"): (_P, phrase("a film")),
    ("item", "big_image"): (_P, phrase("a picture")),
    ("item", "parameters"): (_N, phrase("its range or how it is put")),
    ("item", "choice_filter"): (_N, phrase("which choices are offered")),
    ("item", "default"): (_N, phrase("an answer that stands there already")),
    ("item", "trigger"): (_N, phrase("when it is worked out")),
    ("item", "readonly"): (_N, phrase("whether it can be changed")),
    ("item", "save_to"): (_N, phrase("what later visits see of it")),
    ("item", "repeat_count"): (_M, phrase("how often it is asked")),
    ("item", "inside"): (_M, phrase("another place in the form")),
    ("item", "file"): (_M, phrase("choices from another file")),
    ("questionnaire", "title"): (_P, phrase("a title")),
    ("questionnaire", "rows"): (_N, phrase("another edition of a form that is kept")),
    ("entity", "tools"): (_N, phrase("which tools visit it again")),
    ("entity", "label"): (_N, phrase("how it is called on telephones")),
    ("entity", "entity_id"): (_M, phrase("which one is visited")),
    ("entity", "create_if"): (_M, phrase("what is visited again")),
    ("entity", "update_if"): (_M, phrase("what is changed by a visit")),
    ("module", "title"): (_P, phrase("a title")),
    ("module", "prefix"): (_P, phrase("the prefix of new names")),
    ("module", "tools"): (_N, phrase("which tools it is for")),
    ("module", "kind"): (_M, phrase("whether it is always in")),
    ("rule", "expression"): (_M, phrase("other people are flagged")),
    ("rule", "pathway"): (_M, phrase("flags lead elsewhere")),
    ("rule", "urgency"): (_N, phrase("another urgency")),
    ("pathway", "service"): (_P, phrase("a title")),
    ("pathway", "default_urgency"): (_N, phrase("another urgency")),
    ("pathway", "personal_data"): (_M, phrase("whether it carries a person")),
    ("request", "pathway"): (_M, phrase("requests lead elsewhere")),
    ("variant", "hint"): (_P, phrase("a hint")),
    ("translation", "source"): (_P, phrase("made from another wording")),
    ("translation", "text"): (_P, phrase("another translation: it must be approved anew")),
    ("translation", "translator"): (_P, phrase("who made it")),
    ("translation", "state"): (_P, phrase("how far it came")),
    ("translation", "back"): (_P, phrase("what it says, translated back")),
    ("term", "term"): (_P, phrase("how a term is written")),
    ("purpose", "title"): (_P, phrase("a title")),
    ("purpose", "tools"): (_N, phrase("which tools it is for")),
    ("purpose", "group"): (_M, phrase("other people are asked")),
    ("purpose", "area"): (_N, phrase("another area")),
    ("purpose", "starts_on"): (_N, phrase("another period")),
    ("purpose", "ends_on"): (_N, phrase("another period")),
    ("purpose", "audiences"): (_M, phrase("others see the results")),
    ("purpose", "questions"): (_N, phrase("other questions are to be answered")),
    ("purpose", "items"): (_N, phrase("other items serve it")),
    ("purpose", "resources"): (_P, phrase("a remark")),
    ("purpose", "not_needed"): (_P, phrase("a remark")),
    ("purpose", "response"): (_N, phrase("what follows from it")),
    ("purpose", "proportionality"): (_N, phrase("why the burden is worth it")),
    ("disaggregation", "source"): (_M, phrase("told by another item")),
    ("disaggregation", "categories"): (_M, phrase("other categories")),
    ("disaggregation", "order"): (_N, phrase("given up earlier or later")),
    ("place", "level"): (_M, phrase("another level")),
    ("place", "parent"): (_M, phrase("counted in another area")),
    ("place", "names"): (_P, phrase("another name")),
    ("place", "valid_from"): (_N, phrase("other dates")),
    ("place", "valid_to"): (_N, phrase("other dates")),
    ("place", "replaced_by"): (_N, phrase("read as another place")),
    ("place", "aliases"): (_P, phrase("other spellings")),
    ("screening", "text"): (_M, phrase("the screening decides differently")),
    ("locked", "text"): (_M, phrase("locked official wording")),
}
"""(part, field) -> what a change of it weighs, and in words. Item `q`, `choices`, `tools`, `sens` and some of `treat`,
and WORDINGS, are weighed by what exactly changed (`domain.changes`)."""

WORDINGS = frozenset({("variant", "q"), ("term", "definition"), ("purpose", "text")})
"""(part, field) of texts whose meaning counts: a slip may be mended, another wording is a major change."""
