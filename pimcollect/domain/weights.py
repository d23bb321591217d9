"""How much a change of each part and field of the bank weighs: the table behind patch, minor and major."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum


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

PARTS: Mapping[str, tuple[tuple[Weight, str], tuple[Weight, str]]] = {
    "item": ((_N, "a new item"), (_M, "an item removed")),
    "list": ((_N, "a new list"), (_N, "a list that nothing uses removed")),
    "module": ((_N, "a new module"), (_M, "a module removed")),
    "rule": ((_N, "a new flag rule"), (_M, "a flag rule removed")),
    "pathway": ((_N, "a new pathway"), (_M, "a pathway removed")),
    "questionnaire": ((_N, "a form is kept"), (_N, "a form is kept no longer")),
    "entity": ((_N, "something that is visited again"), (_M, "something that is no longer visited again")),
    "variant": ((_N, "a tool words it in its own way"), (_M, "a tool words it like the others again")),
    "translation": ((_P, "a translation"), (_P, "a translation removed")),
    "term": ((_N, "a new term"), (_N, "a term removed")),
    "purpose": ((_N, "a new purpose"), (_M, "a purpose removed")),
    "disaggregation": ((_N, "a new disaggregation"), (_M, "a disaggregation removed")),
    "place": ((_N, "a new place"), (_M, "a place removed: give it a last day instead")),
    "request": ((_N, "a service that people can ask for"), (_M, "a service that people can no longer ask for")),
}
"""Part -> what it weighs when one comes, when one goes."""

FIELDS: Mapping[tuple[str, str], tuple[Weight, str]] = {
    ("item", "name"): (_M, "another name of the column"),
    ("item", "key"): (_M, "another key: a series of its own"),
    ("item", "type"): (_M, "another type of answer"),
    ("item", "lvl"): (_M, "another unit"),
    ("item", "rel"): (_M, "other people are asked"),
    ("item", "calc"): (_M, "another calculation"),
    ("item", "treat"): (_M, "other values are kept"),
    ("item", "cls"): (_N, "what it tells about a person"),
    ("item", "constraint"): (_N, "which answers the form lets through"),
    ("item", "req"): (_N, "whether it must be answered"),
    ("item", "core_hh"): (_N, "whether the short form asks it"),
    ("item", "module"): (_N, "another module"),
    ("item", "use"): (_N, "why it is asked"),
    ("item", "comp"): (_N, "another component of risk"),
    ("item", "gpc"): (_N, "other protection risks"),
    ("item", "matrix"): (_N, "another category of the matrix"),
    ("item", "disagg"): (_N, "other disaggregations"),
    ("item", "hint"): (_P, "a hint"),
    ("item", "seconds"): (_P, "assumed seconds"),
    ("item", "flag"): (_P, "a remark"),
    ("item", "path"): (_P, "a remark"),
    ("item", "urg"): (_P, "a remark"),
    ("item", "guidance"): (_P, "guidance for the enumerator"),
    ("item", "message"): (_P, "what is said to a wrong answer"),
    ("item", "required_message"): (_P, "what is said to a missing answer"),
    ("item", "appearance"): (_P, "how it looks"),
    ("item", "image"): (_P, "a picture"),
    ("item", "audio"): (_P, "a sound"),
    ("item", "video"): (_P, "a film"),
    ("item", "big_image"): (_P, "a picture"),
    ("item", "parameters"): (_N, "its range or how it is put"),
    ("item", "choice_filter"): (_N, "which choices are offered"),
    ("item", "default"): (_N, "an answer that stands there already"),
    ("item", "trigger"): (_N, "when it is worked out"),
    ("item", "readonly"): (_N, "whether it can be changed"),
    ("item", "save_to"): (_N, "what later visits see of it"),
    ("item", "repeat_count"): (_M, "how often it is asked"),
    ("item", "inside"): (_M, "another place in the form"),
    ("item", "file"): (_M, "choices from another file"),
    ("questionnaire", "title"): (_P, "a title"),
    ("questionnaire", "rows"): (_N, "another edition of a form that is kept"),
    ("entity", "tools"): (_N, "which tools visit it again"),
    ("entity", "label"): (_N, "how it is called on telephones"),
    ("entity", "entity_id"): (_M, "which one is visited"),
    ("entity", "create_if"): (_M, "what is visited again"),
    ("entity", "update_if"): (_M, "what is changed by a visit"),
    ("module", "title"): (_P, "a title"),
    ("module", "prefix"): (_P, "the prefix of new names"),
    ("module", "tools"): (_N, "which tools it is for"),
    ("module", "kind"): (_M, "whether it is always in"),
    ("rule", "expression"): (_M, "other people are flagged"),
    ("rule", "pathway"): (_M, "flags lead elsewhere"),
    ("rule", "urgency"): (_N, "another urgency"),
    ("pathway", "service"): (_P, "a title"),
    ("pathway", "default_urgency"): (_N, "another urgency"),
    ("pathway", "personal_data"): (_M, "whether it carries a person"),
    ("request", "pathway"): (_M, "requests lead elsewhere"),
    ("variant", "hint"): (_P, "a hint"),
    ("translation", "source"): (_P, "made from another wording"),
    ("translation", "text"): (_P, "another translation: it must be approved anew"),
    ("translation", "translator"): (_P, "who made it"),
    ("translation", "state"): (_P, "how far it came"),
    ("translation", "back"): (_P, "what it says, translated back"),
    ("term", "term"): (_P, "how a term is written"),
    ("purpose", "title"): (_P, "a title"),
    ("purpose", "tools"): (_N, "which tools it is for"),
    ("purpose", "group"): (_M, "other people are asked"),
    ("purpose", "area"): (_N, "another area"),
    ("purpose", "starts_on"): (_N, "another period"),
    ("purpose", "ends_on"): (_N, "another period"),
    ("purpose", "audiences"): (_M, "others see the results"),
    ("purpose", "questions"): (_N, "other questions are to be answered"),
    ("purpose", "items"): (_N, "other items serve it"),
    ("purpose", "resources"): (_P, "a remark"),
    ("purpose", "not_needed"): (_P, "a remark"),
    ("purpose", "response"): (_N, "what follows from it"),
    ("purpose", "proportionality"): (_N, "why the burden is worth it"),
    ("disaggregation", "source"): (_M, "told by another item"),
    ("disaggregation", "categories"): (_M, "other categories"),
    ("disaggregation", "order"): (_N, "given up earlier or later"),
    ("place", "level"): (_M, "another level"),
    ("place", "parent"): (_M, "counted in another area"),
    ("place", "names"): (_P, "another name"),
    ("place", "valid_from"): (_N, "other dates"),
    ("place", "valid_to"): (_N, "other dates"),
    ("place", "replaced_by"): (_N, "read as another place"),
    ("place", "aliases"): (_P, "other spellings"),
    ("screening", "text"): (_M, "the screening decides differently"),
    ("locked", "text"): (_M, "locked official wording"),
}
"""(part, field) -> what a change of it weighs, and in words. Item `q`, `choices`, `tools`, `sens` and some of `treat`,
and WORDINGS, are weighed by what exactly changed (`domain.changes`)."""

WORDINGS = frozenset({("variant", "q"), ("term", "definition"), ("purpose", "text")})
"""(part, field) of texts whose meaning counts: a slip may be mended, another wording is a major change."""
