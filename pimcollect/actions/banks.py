"""Take a bank into use: compare it with the current one, let through what may pass, hold what others must agree to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.actions.catalogue import import_places
from pimcollect.actions.governance import Subject, activate_item, take_subject
from pimcollect.domain import governance
from pimcollect.domain.changes import (
    Change,
    Document,
    find_changes,
    find_gone,
    find_kept_keys,
    raise_weight,
    weigh,
    weigh_items,
)
from pimcollect.domain.gazetteer import read_gazetteer
from pimcollect.domain.governance import Life, State, Verb
from pimcollect.domain.phrases import phrase
from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.touched import find_grounds, find_touched, is_severe
from pimcollect.domain.translations import list_written
from pimcollect.domain.weights import Weight
from pimcollect.errors import ErrorCode, FaultyError, PimError
from pimcollect.tables.catalogue import BankRow, find_bank, store_bank
from pimcollect.tables.governance import (
    BankChangeRow,
    ItemStateRow,
    find_item_states,
    lock_banks,
    take_open_change,
)
from pimcollect.tables.journal import write_journal
from pimcollect.tables.translations import store_marks
from pimcollect.tables.uses import find_uses_or_purposes

_SHOWN = 10
_DECIDED = (State.ACTIVE, State.DEPRECATED, State.RETIRED)
"""What was decided here is not run over by what others endorsed."""


@dataclass(frozen=True)
class Bank:
    """A checked bank document with its name and its hash."""

    version: str
    sha256: str
    document: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """What a bank would change, how heavy that is, whom it touches, and what stands against it."""

    changes: tuple[Change, ...]
    computed: Weight
    chosen: Weight
    forms: tuple[dict[str, Any], ...]
    """As `tables.uses.find_uses` has them."""
    obstacles: tuple[str, ...]
    """Sentences: the bank cannot be taken before these are mended."""
    approvals: tuple[str, ...]
    """Sentences: others must agree to these first."""
    is_severe: bool
    base: str = ""
    """Hash of the bank it was compared with; empty when there was none."""


def compare_bank(session: Session, actor: Actor, bank: Bank, *, wanted: Weight | None = None) -> Comparison:
    """What this bank would change in the current one. Nothing is written. Raises PimError for a class too low."""
    allow(actor, "bank.show")
    row = find_bank(session)
    old: Document = row.document if row else bank.document
    changes = find_changes(old, bank.document)
    chosen = raise_weight(weigh(changes), wanted)
    lives = find_item_states(session)
    begun = {one.item for one in lives if one.state in governance.BEGUN}
    open_ = {one.item for one in lives if one.state in governance.OPEN}
    weights = weigh_items(changes, old, bank.document)
    heavy = {item: max(weight, chosen if wanted is Weight.MAJOR else weight) for item, weight in weights.items()}
    touched = find_touched(changes, old, bank.document)
    return Comparison(
        changes=changes,
        computed=weigh(changes),
        chosen=chosen,
        forms=tuple(find_uses_or_purposes(session, *find_grounds(changes, old, bank.document))),
        obstacles=(
            *_find_obstacles(session, bank, old, begun, heavy),
            *_find_moving(bank.document, old, open_, weights),
            *_find_retired_keys(bank.document, old, lives),
            *_find_unlocked(bank.document, old),
        ),
        approvals=tuple(_find_approvals(changes, begun, open_, heavy)),
        is_severe=is_severe(touched, old, bank.document),
        base=row.sha256 if row else "",
    )


def _find_obstacles(
    session: Session, bank: Bank, old: Document, begun: set[str], weights: Mapping[str, Weight]
) -> Iterator[str]:
    if session.scalar(
        select(BankRow.id).where(BankRow.version == bank.version, BankRow.sha256 != bank.sha256).limit(1)
    ):
        yield phrase(
            "Version %(version)s is kept already with other content: give this one another version.",
            version=bank.version,
        )
    for item in find_gone(old, bank.document):
        if item in begun:
            yield phrase(
                "%(item)s cannot vanish, its code and meaning stay for ever: put it back and retire it.", item=item
            )
    for item, key in find_kept_keys(weights, old, bank.document).items():
        if item in begun:
            yield phrase("%(item)s breaks its series: give it another key, for example %(key)s.", item=item, key=key)


def _find_moving(document: Document, old: Document, open_: set[str], weights: Mapping[str, Weight]) -> Iterator[str]:
    """What is under review stays as it is: people agree to what they have read."""
    heavier = {item for item, weight in weights.items() if weight > Weight.PATCH}
    for item in sorted(open_ & (heavier | set(find_gone(old, document)))):
        yield phrase("%(item)s is under review: let its proposer take it back first, or leave it alone.", item=item)


def _find_retired_keys(document: Document, old: Document, lives: list[ItemStateRow]) -> Iterator[str]:
    retired = {(one.item, one.key) for one in lives if one.state == State.RETIRED}
    before = {row["id"]: row["key"] for row in old["items"]}
    for row in document["items"]:
        if (row["id"], row["key"]) in retired and before.get(row["id"]) != row["key"]:
            yield phrase(
                "%(item)s asks for the key %(key)s, which was retired before: give it another.",
                item=row["id"],
                key=row["key"],
            )


def _find_unlocked(document: Document, old: Document) -> Iterator[str]:
    """Official wording never travels in a bank, and its order and answers are not ours to edit."""

    def bones(one: Document) -> Any:
        answers = one["wg_ss"]["answers"]
        locked = {name: value for name, value in one["wg_ss"].items() if name != "items"}
        return (
            locked,
            [row["name"] for row in one["wg_ss"]["items"]],
            [(row["code"], row.get("aggregate_to")) for row in one["choice_lists"][answers]],
        )

    labels = [*document["wg_ss"]["items"], *document["choice_lists"][document["wg_ss"]["answers"]]]
    if any(row["label"] is not None for row in labels):
        yield phrase("The official wording does not travel in a bank: leave it out, and load it by its own command.")
    if bones(document) != bones(old):
        yield phrase("The official questions are locked: put their names, order and answers back as exported.")


def _find_approvals(
    changes: tuple[Change, ...], begun: set[str], open_: set[str], weights: Mapping[str, Weight]
) -> Iterator[str]:
    for item, weight in weights.items():
        if weight is Weight.MAJOR and item in begun:
            yield phrase("%(item)s breaks its series", item=item)
    for one in changes:
        if one.is_loosening and (one.part != "item" or one.id in begun | open_):
            yield phrase("%(item)s %(field)s protects less than before", item=one.id, field=one.field)
        elif one.weight is Weight.MAJOR and one.part not in ("item", "list", "locked", "variant"):
            yield phrase("%(item)s: %(why)s", item=f"{one.part} {one.id}", why=one.why)


def _refuse(comparison: Comparison) -> None:
    if comparison.obstacles:
        more = len(comparison.obstacles) - _SHOWN
        raise FaultyError(
            ErrorCode.BAD_BANK,
            phrase("The bank was not taken. Faults: %(number)s.", number=len(comparison.obstacles)),
            comparison.obstacles,
            told=" ".join(comparison.obstacles[:_SHOWN]) + (f" And {more} more." if more > 0 else ""),
            remedy=phrase("Correct the file and import it again; nothing was changed."),
        )


def import_bank(
    session: Session,
    actor: Actor,
    bank: Bank,
    *,
    wanted: Weight | None = None,
    is_endorsed_elsewhere: bool = False,
    practice: frozenset[str] = frozenset(),
) -> tuple[Comparison, bool]:
    """Make a checked bank the current one; False when exactly this one was kept before.

    The first bank is taken whole, its items active. Later ones: what is patch or minor passes, new items begin as
    drafts; what breaks a series or protects less must be proposed (`propose_change`), unless an administrator says that
    it was endorsed elsewhere. `practice` is that of `import_places`.

    Raises PimError: BAD_BANK for obstacles, NOT_ALLOWED for what others must agree to.
    """
    allow(actor, "bank.import")
    if is_endorsed_elsewhere:
        allow(actor, "bank.adopt")
    lock_banks(session)
    comparison = compare_bank(session, actor, bank, wanted=wanted)
    _refuse(comparison)
    if comparison.approvals and not is_endorsed_elsewhere:
        more = len(comparison.approvals) - _SHOWN
        raise FaultyError(
            ErrorCode.NOT_ALLOWED,
            phrase("Others must agree first, so it can only be proposed."),
            comparison.approvals,
            told=f"Others must agree first: {'; '.join(comparison.approvals[:_SHOWN])}"
            + (f"; and {more} more." if more > 0 else "."),
            remedy="Propose it: pimcollect bank propose FILE --by name@example.org. Nothing was changed.",
        )
    note = "endorsed_elsewhere" if is_endorsed_elsewhere else "" if comparison.base else "first_bank"
    if comparison.base and comparison.changes:
        session.add(_change_row(bank, comparison, state=State.ACTIVE, document=None, note=note or "imported"))
    return comparison, _take(session, actor, bank, note=note, practice=practice)


def _change_row(bank: Bank, comparison: Comparison, **life: Any) -> BankChangeRow:
    return BankChangeRow(
        version=bank.version,
        sha256=bank.sha256,
        base_sha256=comparison.base,
        computed=comparison.computed.word,
        chosen=comparison.chosen.word,
        is_severe=comparison.is_severe,
        **life,
    )


def propose_change(session: Session, actor: Actor, bank: Bank, *, wanted: Weight | None = None) -> Comparison:
    """Hold a whole bank until others agreed to what it changes; the current one stays in use.

    Raises PimError: BAD_BANK for obstacles, NOT_POSSIBLE_NOW without a current bank, without a difference, or while
    another proposal of this version is under review.
    """
    allow(actor, "bank.propose")
    lock_banks(session)
    comparison = compare_bank(session, actor, bank, wanted=wanted)
    _refuse(comparison)
    if not comparison.changes:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "There is nothing to agree to: this is the current bank.",
            remedy="Export it, edit the copy, and propose that.",
        )
    row = take_open_change(session, bank.version)
    life = governance.propose(Life() if row is None else Life(State(row.state)), actor.id)
    new = _change_row(
        bank,
        comparison,
        state=life.state,
        document=bank.document,
        proposer=life.proposer,
        round=1 if row is None else row.round + 1,
    )
    if row is not None:
        session.delete(row)
        session.flush()
    session.add(new)
    write_journal(session, actor=actor.id, action=Verb.PROPOSE, noun="bank_change", noun_id=bank.version)
    return comparison


def activate(session: Session, actor: Actor, code: str, *, practice: frozenset[str] = frozenset()) -> Subject:
    """An endorsed item enters live forms, or an endorsed change becomes the current bank with its items active.

    Raises PimError(NOT_POSSIBLE_NOW) when it is not endorsed, or the bank has moved on since the change was proposed.
    """
    allow(actor, "bank.activate")
    lock_banks(session)
    subject = take_subject(session, code)
    row = subject.row
    if not isinstance(row, BankChangeRow) or row.document is None:
        return activate_item(session, actor, code)
    state = governance.move(State(row.state), Verb.ACTIVATE)
    current = find_bank(session)
    if current is None or current.sha256 != row.base_sha256:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "The bank has changed since this was proposed.",
            remedy="Export the current one, make the change there, and propose it again.",
        )
    bank = Bank(row.version, row.sha256, row.document)
    _refuse(compare_bank(session, actor, bank, wanted=Weight[row.chosen.upper()]))
    row.state, row.document, row.since = state.value, None, func.clock_timestamp()
    _take(session, actor, bank, note="endorsed_change", practice=practice, brought_by=row.proposer)
    return subject


def _take(
    session: Session, actor: Actor, bank: Bank, *, note: str, practice: frozenset[str], brought_by: str = ""
) -> bool:
    """Keep the bank as the current one and begin the lives of its items; with a note they are active at once. Its
    places enter the gazetteer, and it is noted who brought its translations."""
    store_marks(session, list_written(bank.document), brought_by=brought_by or actor.id)
    if places := read_gazetteer(bank.document):
        import_places(session, actor, places, practice=practice)
    is_new = store_bank(session, version=bank.version, sha256=bank.sha256, document=bank.document)
    lives = {(row.item, row.key): row for row in find_item_states(session)}
    keys = {row["id"]: row["key"] for row in bank.document["items"]}
    for item, key in keys.items():
        row = lives.get((item, key))
        if row is None:
            state = State.ACTIVE if note else State.DRAFT
            session.add(ItemStateRow(item=item, key=key, state=state.value, note=note or "imported"))
        elif row.note == "replaced" or (note == "endorsed_elsewhere" and row.state not in _DECIDED):
            _change_life(row, State.ACTIVE, note or "came_back")
    for (item, key), row in lives.items():
        if row.state == State.ACTIVE and keys.get(item, key) != key:
            _change_life(row, State.DEPRECATED, "replaced")
    write_journal(session, actor=actor.id, action="import", noun="bank", noun_id=bank.version)
    session.flush()
    return is_new


def _change_life(row: ItemStateRow, state: State, note: str) -> None:
    row.state, row.note, row.since = state.value, note, func.clock_timestamp()
