"""Migrations: up, down and up again with data in the tables, and never another picture than the tables' own."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from pimcollect import migrations, tables
from pimcollect.db import driver_url, find_newest_migration, is_newest, migrate
from pimcollect.tables.base import Base

for _module in iter_modules(tables.__path__):
    import_module(f"pimcollect.tables.{_module.name}")


@pytest.fixture
def url(fresh_database: Callable[..., str]) -> str:
    return fresh_database(migrated=False)


def test_migrations_and_tables_are_the_same_picture(url: str) -> None:
    migrate(url)
    engine = create_engine(driver_url(url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_up_down_and_up_again_works_with_data(url: str) -> None:
    engine = create_engine(driver_url(url))
    for _ in range(2):
        migrate(url)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO forms (id, title) VALUES ('f', 'A form')"))
            connection.execute(text("INSERT INTO tallies VALUES ('refused', 'f', now(), '', '', 1)"))
        migrate(url, "base")
        assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_the_newest_migration_is_known_by_its_file_and_tables_that_are_not_at_it_are_seen(url: str) -> None:
    head = ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()
    assert find_newest_migration() == head
    assert not is_newest(url)
    migrate(url)
    assert is_newest(url)
    migrate(url, "-1")
    assert not is_newest(url)


def test_migrating_twice_changes_nothing(url: str) -> None:
    migrate(url)
    migrate(url)
