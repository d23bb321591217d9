"""Files of a frozen version: kept with it, whole, and served as they were frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from forms.release import Frozen
from pimcollect.actions.forms import keep_version
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import FormFile, Version, hash_version, read_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_files import FormFileRow, find_form_file, find_form_files

PLACES = b"name,label\nXX01,Area 01\n"
FILE = FormFile("places.csv", "text/csv", hashlib.sha256(PLACES).hexdigest())


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session whose work is not kept."""
    with sessions() as session:
        yield session


@pytest.fixture
def version(built: dict[str, Frozen]) -> Version:
    return replace(built["hh_core"].version, files=(FILE,))


def _keep(session: Session, version: Version, files: dict[str, bytes]) -> list[FormFileRow]:
    row = keep_version(session, COMMAND_LINE, version=version, xlsx=b"x", xform="<x/>", files=files)
    return find_form_files(session, row.id)


@pytest.mark.parametrize("files", [{}, {"places.csv": b"something else"}, {"other.csv": PLACES}])
def test_a_version_is_not_kept_without_the_files_it_was_frozen_with(
    session: Session, version: Version, files: dict[str, bytes]
) -> None:
    with pytest.raises(PimError) as caught:
        _keep(session, version, files)
    assert caught.value.code is ErrorCode.BAD_FORM
    assert "places.csv" in caught.value.message


@pytest.mark.parametrize("name", ["../etc", "a/b.csv", "a\\b.csv", ".hidden", "", "a\nb.csv", "x" * 129])
def test_a_name_that_could_leave_its_folder_is_refused_by_the_database(
    session: Session, version: Version, name: str
) -> None:
    with pytest.raises(IntegrityError, match="form_file_has_a_plain_name"):
        _keep(session, replace(version, files=(replace(FILE, name=name),)), {name: PLACES})


def test_a_file_is_kept_once_with_its_digests_and_read_only_when_asked_for(session: Session, version: Version) -> None:
    _keep(session, version, {"places.csv": PLACES})
    session.expire_all()
    (row,) = _keep(session, version, {"places.csv": PLACES})
    assert "content" in inspect(row).unloaded
    assert (row.size, row.content_type, row.is_entity_list) == (len(PLACES), "text/csv", False)
    assert row.md5 == hashlib.md5(PLACES).hexdigest()  # noqa: S324 - OpenRosa names files by it
    assert row.content == PLACES
    found = find_form_file(session, row.version, "places.csv")
    assert found is row


def test_the_files_are_part_of_what_a_version_is(version: Version) -> None:
    bare = replace(version, files=())
    changed = replace(version, files=(replace(FILE, sha256="0" * 64),))
    assert len({hash_version(one) for one in (bare, version, changed)}) == 3


def test_a_version_reads_back_with_its_files(session: Session, version: Version) -> None:
    row = keep_version(session, COMMAND_LINE, version=version, xlsx=b"x", xform="<x/>", files={"places.csv": PLACES})
    assert read_version(row.document).files == (FILE,)
