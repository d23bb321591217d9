"""The indicator bank and the directory of an operation: places, services and who serves whom."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    UniqueConstraint,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.outcomes import Directory, PathwayRule, Place, Service
from pimcollect.tables.base import Base

_ONE_ITEM: ColumnElement[str] = literal_column("'$.items[*] ? (@.id == $id)'::jsonpath")
PRACTICE = "(practice)"
_ONE_STATEMENT = 2000
"""Rows of one insert."""


class BankRow(Base):
    """One imported version of the indicator bank, whole; versions stay readable for ever."""

    __tablename__ = "banks"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    document: Mapped[dict[str, Any]]
    imported_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)


class PlaceRow(Base):
    """A p-coded area. The parent is stored, never parsed out of the code."""

    __tablename__ = "places"
    __table_args__ = (
        CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="place_ends_after_it_begins"
        ),
    )
    code: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[int]
    parent: Mapped[str | None] = mapped_column(ForeignKey("places.code", deferrable=True, initially="DEFERRED"))
    names: Mapped[dict[str, Any]]
    """Language code -> name."""
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    replaced_by: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    """Crosswalk: the codes that it became; several when it was divided."""
    aliases: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    """Other codes and spellings, in any script."""


class ServiceRow(Base):
    """A service that takes referrals. The focal point's address is sealed: only workers read it."""

    __tablename__ = "services"
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    organisation: Mapped[str]
    contact_sealed: Mapped[bytes]
    """Sealed to the `cases` key under the context `service|<code>`; a JSON object with `mail`."""
    valid_until: Mapped[date | None]
    verified_on: Mapped[date | None]
    is_suspended: Mapped[bool] = mapped_column(default=False)

    @property
    def is_practice(self) -> bool:
        """One of the invented services that come with pimcollect: its organisation says so wherever it is shown."""
        return self.organisation.endswith(PRACTICE)

    def takes_referrals(self, *, on: date) -> bool:
        """True unless it is suspended or past its last day."""
        return not self.is_suspended and (self.valid_until is None or self.valid_until >= on)


class PathwayRuleRow(Base):
    """One rule of who serves whom; empty dimensions mean any."""

    __tablename__ = "pathway_rules"
    __table_args__ = (
        UniqueConstraint(
            "pathway",
            "place",
            "group",
            "sex",
            "age",
            name="one_rule_for_one_case",
            postgresql_nulls_not_distinct=True,
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    pathway: Mapped[str]
    service: Mapped[str] = mapped_column(ForeignKey(ServiceRow.code), index=True)
    place: Mapped[str | None] = mapped_column(ForeignKey(PlaceRow.code))
    group: Mapped[str | None]
    sex: Mapped[str | None]
    age: Mapped[str | None]


def store_bank(session: Session, *, version: str, sha256: str, document: dict[str, Any]) -> bool:
    """Keep a bank version; False when exactly this one is kept already (it becomes the current one again)."""
    row = session.scalar(select(BankRow).where(BankRow.sha256 == sha256))
    if row is not None:
        row.imported_at = func.clock_timestamp()
        return False
    session.add(BankRow(version=version, sha256=sha256, document=document))
    return True


def find_bank(session: Session) -> BankRow | None:
    """The bank imported last."""
    return session.scalar(select(BankRow).order_by(BankRow.imported_at.desc()).limit(1))


def find_bank_sha(session: Session) -> str | None:
    """Which bank was imported last, without reading it."""
    return session.scalar(select(BankRow.sha256).order_by(BankRow.imported_at.desc()).limit(1))


def find_place_names(session: Session, codes: set[str]) -> dict[str, dict[str, Any]]:
    """Code -> names of these places."""
    if not codes:
        return {}
    rows = session.execute(select(PlaceRow.code, PlaceRow.names).where(PlaceRow.code.in_(codes)))
    return {row.code: row.names for row in rows}


def has_places(session: Session) -> bool:
    """Whether a gazetteer was imported."""
    return session.scalar(select(PlaceRow.code).limit(1)) is not None


def find_bank_version(session: Session, version: str) -> BankRow | None:
    """A kept bank by its version; the one imported last where two have the same."""
    return session.scalar(
        select(BankRow).where(BankRow.version == version).order_by(BankRow.imported_at.desc()).limit(1)
    )


def find_bank_versions(session: Session, *, limit: int = 200) -> list[dict[str, Any]]:
    """All kept versions, newest first: version, sha256, imported_at, items (how many)."""
    rows = session.execute(
        select(
            BankRow.version,
            BankRow.sha256,
            BankRow.imported_at,
            func.jsonb_array_length(BankRow.document["items"]).label("items"),
        )
        .order_by(BankRow.imported_at.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]


def find_item_versions(session: Session, item: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """How each kept bank has one item, newest first: version, imported_at, item (its row, or None)."""
    found = func.jsonb_path_query_first(
        BankRow.document, _ONE_ITEM, func.jsonb_build_object("id", item), type_=JSONB
    ).label("item")
    rows = session.execute(
        select(BankRow.version, BankRow.imported_at, found).order_by(BankRow.imported_at.desc()).limit(limit)
    )
    return [dict(row._mapping) for row in rows]


def find_places(session: Session) -> list[PlaceRow]:
    """All places, coarsest first, then by code."""
    return list(session.scalars(select(PlaceRow).order_by(PlaceRow.level, PlaceRow.code)))


def store_places(session: Session, places: list[PlaceRow]) -> None:
    """Add or change places; none is removed, since old submissions point at them."""
    names = [column.name for column in PlaceRow.__table__.columns]
    for start in range(0, len(places), _ONE_STATEMENT):
        rows = [{name: getattr(one, name) for name in names} for one in places[start : start + _ONE_STATEMENT]]
        statement = insert(PlaceRow).values(rows)
        changed = {name: statement.excluded[name] for name in names if name != "code"}
        session.execute(statement.on_conflict_do_update(index_elements=[PlaceRow.code], set_=changed))
    session.expire_all()


def drop_places(session: Session, codes: Collection[str]) -> None:
    """Remove places, unless a rule of a service names one of them."""
    named = select(PathwayRuleRow.id).where(PathwayRuleRow.place.in_(codes)).exists()
    session.execute(delete(PlaceRow).where(PlaceRow.code.in_(codes), ~named))


def find_services(session: Session) -> list[ServiceRow]:
    """All services by code."""
    return list(session.scalars(select(ServiceRow).order_by(ServiceRow.code)))


def drop_service(session: Session, code: str) -> bool:
    """Remove a service and its rules; where referrals, notices or members name it, it is suspended instead: False."""
    session.execute(delete(PathwayRuleRow).where(PathwayRuleRow.service == code))
    try:
        with session.begin_nested():
            session.execute(delete(ServiceRow).where(ServiceRow.code == code))
    except IntegrityError:
        session.execute(update(ServiceRow).where(ServiceRow.code == code).values(is_suspended=True))
        return False
    return True


def replace_rules(session: Session, services: list[ServiceRow], rules: list[PathwayRuleRow]) -> None:
    """Add or change services and replace all pathway rules."""
    for service in services:
        session.merge(service)
    session.flush()
    session.execute(delete(PathwayRuleRow))
    session.add_all(rules)


def read_directory(session: Session) -> Directory:
    """The directory as the domain wants it; three queries."""
    rows = list(session.scalars(select(PlaceRow)))
    places = {row.code: Place(row.code, row.level, row.parent, tuple(row.replaced_by)) for row in rows}
    aliases = {alias.casefold(): row.code for row in rows for alias in row.aliases}
    services = {
        row.code: Service(row.code, row.valid_until, row.is_suspended) for row in session.scalars(select(ServiceRow))
    }
    rules = tuple(
        PathwayRule(row.pathway, row.service, row.place, row.group, row.sex, row.age)
        for row in session.scalars(select(PathwayRuleRow).order_by(PathwayRuleRow.pathway, PathwayRuleRow.id))
    )
    return Directory(places, services, rules, aliases)
