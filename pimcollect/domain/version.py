"""A frozen form version: what was asked, and what happens to each answer. Made once, read by every decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
"""Layout of the document below; a reader refuses what it does not know."""
TEST = "_test"
"""Ends the id of a form that also asks what is only being tried."""


@dataclass(frozen=True)
class Treatment:
    """What is done to one field before anything is stored.

    `kind` is one of keep, drop, derive, vault, restrict, recode, band, date, coarsen, topcode, round, pseudonym.
    `options` holds what the kind needs: band {"cuts": [0, 5, 12, 18, 60]}, date {"to": "month"|"day"|"quarter"|"year",
    "shared": "quarter"}, recode {"map": {code: coarser}}, coarsen {"level": 2}, topcode {"from": 4}, round {"to": 5},
    pseudonym {"domain": "enumerator", "norm": "phone"|"id"|"text"}.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One field that can arrive in a submission (leaves only; groups and notes are not fields)."""

    key: str
    """Name used in rules, answers and exports; unique among the questions of the same repeat (or of the top)."""
    path: str
    """Slash path below the root as Kobo writes it, group and repeat names included: `prot/risk/score`."""
    type: str
    """text, integer, decimal, select_one, select_multiple, rank, date, time, dateTime, geopoint, geotrace, geoshape,
    image, audio, video, file, barcode, calculate, hidden, note, or a metadata name (start, deviceid, ...)."""
    treatment: Treatment
    repeat: str = ""
    """Path of the repeat it stands in; empty at the top."""
    choices: str = ""
    """Name of its choice list; empty if none."""
    item: str = ""
    """Id of the bank item it comes from; empty in an adopted form."""
    module: str = ""
    is_gated: bool = False
    """True when it may only be asked after the screening opened everything."""
    sensitivity: str = ""
    disclosure: str = ""
    """none, quasi, sens, comm or direct (the bank's `cls`)."""


@dataclass(frozen=True)
class Choice:
    """One code of a choice list; `broader` is the coarser code that may be shared, None when there is none yet."""

    code: str
    broader: str | None = None


@dataclass(frozen=True)
class Condition:
    """A question whose answer must be one of `accepted`. Absent, unknown or unreadable is no."""

    question: str
    accepted: tuple[str, ...]


@dataclass(frozen=True)
class ConsentMap:
    """Which answers are a yes, for each thing that can be consented to. All conditions of a list must hold;
    an empty `keep` never holds (nothing is kept), an empty `share`, `refer` or `media` never holds either."""

    keep: tuple[Condition, ...]
    share: tuple[Condition, ...] = ()
    refer: tuple[Condition, ...] = ()
    media: tuple[Condition, ...] = ()
    """For pictures: asked on its own, and never implied by another yes."""


@dataclass(frozen=True)
class FlagRule:
    """Raises a pathway when its expression holds. Urgency U (24 h), H (72 h) or R (14 days)."""

    id: str
    expression: str
    pathway: str
    urgency: str


@dataclass(frozen=True)
class Pathway:
    """Where a kind of need is taken. Without `needs_identity` it is a ticket that never carries a person."""

    code: str
    title: str
    urgency: str
    needs_identity: bool
    is_silent: bool = False
    """True: without consent it is counted only, never alerted (services that must not reach a supervisor's list)."""


@dataclass(frozen=True)
class RequestMap:
    """How the form asks for help: `want` must be yes before `services` counts; `pathways` maps a service code."""

    want: str
    services: str
    pathways: Mapping[str, str]


@dataclass(frozen=True)
class ReferralFields:
    """What a referral may carry. `scope` is the question in which the person says what may be told; `by_scope` maps
    each of its codes to the questions that it releases; anything not listed never leaves."""

    scope: str
    by_scope: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Profile:
    """Which questions tell the place and the kind of person, for counting and routing; empty = not asked."""

    places: tuple[str, ...] = ()
    """Questions with p-codes of the interview's place, coarsest level first."""
    group: str = ""
    sex: str = ""
    age: str = ""
    whom: str = ""
    """The question for whom help is asked; unless it says `self`, the respondent's sex and age are not the person's."""


@dataclass(frozen=True)
class Screening:
    """The enumerator's risk screening: the six inputs by role, and the question that carries the phone's own result
    (never believed). Parts: questions of `always` modules stay open under stop, those of `offer` until a threat."""

    setting: str
    pressure: str
    match: str
    suspicion: str
    aside: str
    danger: str
    decision: str
    always: tuple[str, ...]
    offer: tuple[str, ...]


@dataclass(frozen=True)
class FormFile:
    """A file that telephones fetch with the form: a list of places, a picture. Its content lies beside the version."""

    name: str
    """Plain file name, as the form refers to it."""
    content_type: str
    sha256: str
    is_entity_list: bool = False
    """True: the name of an entity list (`<list>.csv`), whose newest rows a phone fetches again and again; the content
    frozen here is what it starts with."""


@dataclass(frozen=True)
class LabelPart:
    """A piece of an entity's label: a text, or the treated answer to a question (its key)."""

    text: str = ""
    question: str = ""


@dataclass(frozen=True)
class SavedEntity:
    """What the form creates or changes in an entity list. Only what treatment leaves of an answer is ever used."""

    list: str
    path: str
    """Of its element in a submission, below the root: `meta/entity`."""
    label: tuple[LabelPart, ...]
    """Empty: it cannot be made of treated answers, so a short code takes its place."""
    properties: Mapping[str, str]
    """Property of the list's rows -> key of the question."""


@dataclass(frozen=True)
class Version:
    """The whole frozen version. `sha256` identifies it; two equal selections have equal bytes."""

    form: str
    title: str
    version: str
    origin: str
    """bank or adopted."""
    bank_version: str
    languages: tuple[str, ...]
    questions: tuple[Question, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    repeats: tuple[str, ...]
    """Paths of the repeats, outer before inner."""
    consent: ConsentMap
    screening: Screening | None = None
    flags: tuple[FlagRule, ...] = ()
    pathways: Mapping[str, Pathway] = field(default_factory=dict)
    requests: RequestMap | None = None
    referral: ReferralFields | None = None
    profile: Profile = Profile()
    is_encrypted: bool = False
    left_out: tuple[str, ...] = ()
    """Items that the selection wanted and could not have, each `ID reason`."""
    drafted: tuple[str, ...] = ()
    """Languages in which some wording is a machine's draft that nobody has approved."""
    files: tuple[FormFile, ...] = ()
    """Files that the form needs on the telephone, by name."""
    purpose: str = ""
    """Id of the bank's purpose that it serves; empty: none, and it may not be released."""
    wish: Mapping[str, Any] = field(default_factory=dict)
    """How its items were chosen (`forms.wishes`), so that the same can be built again from a newer bank."""
    minutes: float = 0
    """Assumed length of the interview."""
    entities: tuple[SavedEntity, ...] = ()


def write_version(version: Version) -> str:
    """The canonical JSON text of a version: sorted keys, no spaces, UTF-8; equal versions give equal bytes.

    What came later stands there only when there is something to say: versions that are older than it keep their bytes.
    """
    document = {"format": FORMAT, **asdict(version)}
    for later in ("drafted", "files", "purpose", "wish", "minutes", "entities"):
        if not document[later]:
            del document[later]
    if not document["consent"]["media"]:
        del document["consent"]["media"]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_version(version: Version) -> str:
    """SHA-256 in hex of the canonical text."""
    return hashlib.sha256(write_version(version).encode()).hexdigest()


def _conditions(rows: list[dict[str, Any]]) -> tuple[Condition, ...]:
    return tuple(Condition(row["question"], tuple(row["accepted"])) for row in rows)


def read_version(document: Mapping[str, Any]) -> Version:
    """Read the parsed document that `write_version` wrote. Raises KeyError, TypeError or ValueError for another."""
    if document["format"] != FORMAT:
        raise ValueError(f"unknown version format {document['format']!r}")
    requests, referral, screening = document["requests"], document["referral"], document["screening"]
    return Version(
        form=document["form"],
        title=document["title"],
        version=document["version"],
        origin=document["origin"],
        bank_version=document["bank_version"],
        languages=tuple(document["languages"]),
        questions=tuple(
            Question(**{**row, "treatment": Treatment(**row["treatment"])}) for row in document["questions"]
        ),
        choices={name: tuple(Choice(**row) for row in rows) for name, rows in document["choices"].items()},
        repeats=tuple(document["repeats"]),
        consent=ConsentMap(
            keep=_conditions(document["consent"]["keep"]),
            share=_conditions(document["consent"]["share"]),
            refer=_conditions(document["consent"]["refer"]),
            media=_conditions(document["consent"].get("media", [])),
        ),
        screening=None
        if screening is None
        else Screening(**{**screening, "always": tuple(screening["always"]), "offer": tuple(screening["offer"])}),
        flags=tuple(FlagRule(**row) for row in document["flags"]),
        pathways={code: Pathway(**row) for code, row in document["pathways"].items()},
        requests=None if requests is None else RequestMap(**requests),
        referral=None
        if referral is None
        else ReferralFields(referral["scope"], {code: tuple(names) for code, names in referral["by_scope"].items()}),
        profile=Profile(**{**document["profile"], "places": tuple(document["profile"]["places"])}),
        is_encrypted=document["is_encrypted"],
        left_out=tuple(document["left_out"]),
        drafted=tuple(document.get("drafted", ())),
        files=tuple(FormFile(**row) for row in document.get("files", ())),
        purpose=document.get("purpose", ""),
        wish=document.get("wish", {}),
        minutes=document.get("minutes", 0),
        entities=tuple(
            SavedEntity(**{**row, "label": tuple(LabelPart(**part) for part in row["label"])})
            for row in document.get("entities", ())
        ),
    )
