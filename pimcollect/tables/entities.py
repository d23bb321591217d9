"""Lists of what is visited again, their rows, and what each submission says of a row. Everything here was treated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    case,
    delete,
    false,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.visits import Change, Entity, Standing
from pimcollect.tables.base import Base
from pimcollect.tables.submissions import SubmissionRow

Key = tuple[str, UUID]
"""(list, id of the entity)."""
Fold = Callable[[Entity, Sequence[Change]], tuple[Entity, list[Change]]]
_PAGE = 500


class EntityListRow(Base):
    """A list that forms fill and phones fetch; a field test has its own."""

    __tablename__ = "entity_lists"
    __table_args__ = (
        CheckConstraint("(md5 IS NULL) = (md5_of IS NULL)", name="entity_list_says_what_its_digest_is_of"),
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    properties: Mapped[list[str]]
    """Columns of its rows, sorted."""
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
    """Raised by whatever changes what phones fetch."""
    md5: Mapped[str | None]
    """Of the bytes that phones fetch."""
    md5_of: Mapped[int | None]
    """The revision that it is of."""


class EntityRow(Base):
    """A row. Without a label it is not in the list: not created yet, or gone with its submission."""

    __tablename__ = "entities"
    __table_args__ = (
        CheckConstraint("(label IS NULL) = (properties IS NULL)", name="entity_is_there_or_it_is_not"),
        CheckConstraint("erased_at IS NULL OR label IS NULL", name="erased_entity_is_empty"),
    )
    list: Mapped[str] = mapped_column(ForeignKey(EntityListRow.name), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Random, made by the phone."""
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    """0: nothing has created it yet."""
    label: Mapped[str | None]
    properties: Mapped[dict[str, Any] | None]
    has_conflict: Mapped[bool] = mapped_column(default=False, server_default=false())
    erased_at: Mapped[datetime | None]
    """Erased by a person: nothing brings it back."""


class EntityChangeRow(Base):
    """What one submission says of one entity; it goes when the submission does."""

    __tablename__ = "entity_changes"
    __table_args__ = (
        CheckConstraint("kind IN ('create', 'update')", name="entity_change_is_of_a_known_kind"),
        CheckConstraint("standing IN ('waiting', 'applied', 'conflict')", name="entity_change_stands_somewhere"),
        CheckConstraint("(standing = 'waiting') = (made IS NULL)", name="placed_entity_change_says_where"),
        ForeignKeyConstraint(["list", "entity"], ["entities.list", "entities.id"], name="entity_changes_entity_exists"),
        UniqueConstraint("submission", "list", "entity", name="one_change_of_an_entity_by_a_submission"),
        Index("entity_changes_of_entity", "list", "entity"),
    )
    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    """The order of arrival."""
    submission: Mapped[UUID] = mapped_column(ForeignKey(SubmissionRow.id))
    list: Mapped[str]
    entity: Mapped[UUID]
    kind: Mapped[str]
    label: Mapped[str | None]
    properties: Mapped[dict[str, Any]]
    base: Mapped[int | None]
    """The version that the phone had seen; `trunk` and `branch` name updates of its own that came before."""
    trunk: Mapped[int | None]
    branch: Mapped[str | None]
    standing: Mapped[str]
    made: Mapped[int | None]

    def read(self) -> Change:
        """As the domain has it."""
        return Change(
            submission=self.submission,
            kind=self.kind,
            label=self.label,
            properties=self.properties,
            base=self.base,
            trunk=self.trunk,
            branch=self.branch,
            standing=Standing(self.standing),
            made=self.made,
        )


def put_list(session: Session, name: str, properties: Collection[str] = ()) -> None:
    """Make a list, or add properties to one that is there. It is locked: whoever writes its rows comes here first."""
    wanted = sorted(set(properties))
    statement = insert(EntityListRow).values(name=name, properties=wanted)
    session.execute(statement.on_conflict_do_nothing())
    row = session.scalars(select(EntityListRow).where(EntityListRow.name == name).with_for_update()).one()
    if not set(wanted) <= set(row.properties):
        row.properties = sorted({*row.properties, *wanted})
        row.revision += 1
    session.flush()


def raise_revisions(session: Session, names: Collection[str]) -> None:
    """What phones fetch of these lists has changed."""
    session.execute(
        update(EntityListRow)
        .where(EntityListRow.name.in_(names))
        .values(revision=EntityListRow.revision + 1)
        .execution_options(synchronize_session=False)
    )


def find_list(session: Session, name: str) -> EntityListRow | None:
    """A list by its name, as it is in the database now."""
    return session.scalar(
        select(EntityListRow).where(EntityListRow.name == name).execution_options(populate_existing=True)
    )


def find_list_names(session: Session) -> frozenset[str]:
    """Names of all lists that forms fill or read."""
    return frozenset(session.scalars(select(EntityListRow.name)))


def keep_md5(session: Session, name: str, *, revision: int, md5: str) -> None:
    """Remember the digest of a revision, unless a newer one has come."""
    session.execute(
        update(EntityListRow)
        .where(EntityListRow.name == name, EntityListRow.revision == revision)
        .values(md5=md5, md5_of=revision)
        .execution_options(synchronize_session=False)
    )


def read_rows(session: Session, name: str) -> Iterator[tuple[UUID, str, int, dict[str, Any]]]:
    """(id, label, version, properties) of what is in the list, page by page; by random id, which tells no order."""
    query = select(EntityRow.id, EntityRow.label, EntityRow.version, EntityRow.properties).where(
        EntityRow.list == name, EntityRow.label.is_not(None)
    )
    for row in session.execute(query.order_by(EntityRow.id).execution_options(yield_per=_PAGE)):
        yield row.id, row.label or "", row.version, row.properties or {}


def find_known(session: Session, name: str, ids: Collection[UUID]) -> dict[UUID, bool]:
    """Of these ids, those that ever were in the list -> whether they still are."""
    rows = session.execute(
        select(EntityRow.id, EntityRow.label.is_not(None).label("is_there")).where(
            EntityRow.list == name, EntityRow.id.in_(ids), EntityRow.version > 0
        )
    )
    return {row.id: row.is_there for row in rows}


def find_told(session: Session, submissions: Collection[UUID]) -> dict[UUID, dict[Key, str]]:
    """Of which entities these submissions said something: submission -> entity -> create or update."""
    told: dict[UUID, dict[Key, str]] = defaultdict(dict)
    query = select(EntityChangeRow.submission, EntityChangeRow.list, EntityChangeRow.entity, EntityChangeRow.kind)
    for row in session.execute(query.where(EntityChangeRow.submission.in_(submissions))):
        told[row.submission][row.list, row.entity] = row.kind
    return told


def take_entities(session: Session, keys: Collection[Key]) -> dict[Key, EntityRow]:
    """These rows, locked in a fixed order; those that nobody named before are made, in no list yet."""
    ordered = sorted(keys)
    session.execute(insert(EntityRow).on_conflict_do_nothing(), [{"list": name, "id": id_} for name, id_ in ordered])
    rows = session.scalars(
        select(EntityRow)
        .where(tuple_(EntityRow.list, EntityRow.id).in_(ordered))
        .order_by(EntityRow.list, EntityRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.list, row.id): row for row in rows}


def find_changes(session: Session, keys: Collection[Key]) -> dict[Key, list[EntityChangeRow]]:
    """What was said of these entities, in order of arrival."""
    found: dict[Key, list[EntityChangeRow]] = defaultdict(list)
    rows = session.scalars(
        select(EntityChangeRow)
        .where(tuple_(EntityChangeRow.list, EntityChangeRow.entity).in_(sorted(keys)))
        .order_by(EntityChangeRow.number)
    )
    for row in rows:
        found[row.list, row.entity].append(row)
    return found


def write_entity(row: EntityRow, changes: Sequence[EntityChangeRow], fold: Fold) -> bool:
    """Make the row of its changes; True when phones must fetch it again."""
    before = Entity(row.version, row.label, row.properties or {}, row.has_conflict)
    after, placed = fold(before, [one.read() for one in changes])
    for change, one in zip(changes, placed, strict=True):
        change.standing, change.made = one.standing.value, one.made
    row.version, row.label, row.has_conflict = after.version, after.label, after.has_conflict
    row.properties = None if after.label is None else dict(after.properties)
    return (after.version, after.label, dict(after.properties)) != (before.version, before.label, before.properties)


def erase_entities(session: Session, name: str, ids: Collection[UUID] | None) -> int:
    """Erase rows of a list (None: all of them) and what was said of them, for good. Returns how many there were."""
    some = [] if ids is None else [EntityRow.id.in_(ids)]
    theirs = [] if ids is None else [EntityChangeRow.entity.in_(ids)]
    empty = {"label": None, "properties": None, "has_conflict": False, "erased_at": func.clock_timestamp()}
    was_there = case((EntityRow.label.is_not(None), 1), else_=0)
    erased = session.execute(
        update(EntityRow)
        .where(EntityRow.list == name, EntityRow.erased_at.is_(None), *some)
        .values(version=EntityRow.version + was_there, **empty)
        .returning(EntityRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(
        delete(EntityChangeRow)
        .where(EntityChangeRow.list == name, *theirs)
        .execution_options(synchronize_session=False)
    )
    return len(erased)


_COUNTS = text("""
    SELECT lists.name, lists.properties, lists.revision,
           (SELECT count(*) FROM entities WHERE list = lists.name AND label IS NOT NULL) AS rows,
           (SELECT count(*) FROM entities WHERE list = lists.name AND has_conflict) AS conflicts,
           (SELECT count(*) FROM entity_changes WHERE list = lists.name AND standing = 'waiting') AS waiting
      FROM entity_lists AS lists ORDER BY lists.name LIMIT :limit
""")


def count_entities(session: Session, *, limit: int = 500) -> list[dict[str, Any]]:
    """Each list: name, properties, revision, rows, conflicts (rows with one), waiting (changes)."""
    return [dict(row._mapping) for row in session.execute(_COUNTS, {"limit": limit})]


_OPEN = text("""
    SELECT entities.id, entities.label, entities.version, entities.properties, entities.has_conflict,
           count(changes.number) AS visits,
           jsonb_agg(jsonb_build_object('standing', changes.standing, 'properties', changes.properties)
                     ORDER BY changes.number) FILTER (WHERE changes.standing <> 'applied') AS open
      FROM entities LEFT JOIN entity_changes AS changes ON changes.list = entities.list AND changes.entity = entities.id
     WHERE entities.list = :list AND entities.erased_at IS NULL
     GROUP BY entities.list, entities.id
    HAVING entities.label IS NOT NULL OR count(changes.number) > 0
     ORDER BY entities.has_conflict DESC, count(changes.number) FILTER (WHERE changes.standing <> 'applied') DESC,
              entities.label, entities.id
     LIMIT :limit
""")


def find_entities(session: Session, name: str, *, limit: int) -> list[dict[str, Any]]:
    """Rows of a list, those that a person should look at first: id, label, version, properties, has_conflict, visits
    (submissions that say something of it), open (those that are in conflict or wait: standing, properties)."""
    return [dict(row._mapping) for row in session.execute(_OPEN, {"list": name, "limit": limit})]
