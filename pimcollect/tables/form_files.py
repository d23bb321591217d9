"""Files that a frozen version needs on the telephone: lists of places, pictures, what an entity list starts with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.version import FormFile
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormVersionRow

MOST = 500
"""Files that one version may have."""

LONGEST_HEAD = 8_192
"""Bytes in which the first line of a CSV names its columns."""


class FormFileRow(Base):
    """One file of one version, frozen with it. The form list of phones and every server name files by their MD5."""

    __tablename__ = "form_files"
    __table_args__ = (
        CheckConstraint(
            "name !~ '[/\\\\[:cntrl:]]' AND name !~ '^\\.' AND length(name) BETWEEN 1 AND 128",
            name="form_file_has_a_plain_name",
        ),
        CheckConstraint("octet_length(content) = size", name="form_file_is_as_long_as_it_says"),
        CheckConstraint("length(sha256) = 64 AND length(md5) = 32", name="form_file_has_its_digests_in_hex"),
    )
    version: Mapped[UUID] = mapped_column(ForeignKey(FormVersionRow.id), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    content_type: Mapped[str]
    size: Mapped[int]
    """Bytes."""
    sha256: Mapped[str]
    md5: Mapped[str]
    is_entity_list: Mapped[bool]
    content: Mapped[bytes] = mapped_column(deferred=True)
    """Loaded only when it is asked for."""


def store_form_files(
    session: Session, version: UUID, files: tuple[FormFile, ...], contents: Mapping[str, bytes]
) -> None:
    """Keep the content of each file of a version that was stored just now.

    Raises PimError(BAD_FORM) when a content is missing or is not the one that was frozen.
    """
    if len(files) > MOST:
        raise PimError(ErrorCode.BAD_FORM, f"The form has more than {MOST} files.", remedy="Take some out.")
    for file in files:
        content = contents.get(file.name)
        if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
            raise PimError(
                ErrorCode.BAD_FORM,
                f"The file {file.name} is not the one that the version was frozen with.",
                remedy="Build the form again.",
            )
        session.add(
            FormFileRow(
                version=version,
                name=file.name,
                content_type=file.content_type,
                size=len(content),
                sha256=file.sha256,
                md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
                is_entity_list=file.is_entity_list,
                content=content,
            )
        )
    session.flush()


def find_form_files(session: Session, version: UUID) -> list[FormFileRow]:
    """The files of a version by name, without their content (which each row loads when it is asked for)."""
    found = select(FormFileRow).where(FormFileRow.version == version).order_by(FormFileRow.name).limit(MOST)
    return list(session.scalars(found))


def find_heads(session: Session, version: UUID) -> dict[str, bytes]:
    """Name -> how each CSV of choices of a version begins. Entity lists are left out: a server gives them columns."""
    head = func.substring(FormFileRow.content, 1, LONGEST_HEAD)
    found = select(FormFileRow.name, head).where(
        FormFileRow.version == version, FormFileRow.name.endswith(".csv"), ~FormFileRow.is_entity_list
    )
    return {name: bytes(content) for name, content in session.execute(found.limit(MOST))}


def find_form_file(session: Session, version: UUID, name: str) -> FormFileRow | None:
    """One file of a version."""
    return session.get(FormFileRow, (version, name))
