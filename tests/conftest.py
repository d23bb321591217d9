"""The test ground: a throw-away PostgreSQL and Valkey for each test process, clean tables for each test.

TEST_DATABASE_URL (a role that may make databases) and TEST_REDIS_URL name servers to use instead.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql
from redis import Redis
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from pimcollect import db
from pimcollect.config import Settings
from pimcollect.embedded import start_servers
from pimcollect.home import ADMIN, OWNER, lock_home, open_home, settle_in
from pimcollect.key_rings import create_keys
from pimcollect.supervision import Supervisor
from pimcollect.vault import DoorKeys, HandsKeys, read_door_keys, read_hands_keys
from tests.factories.households import Household, open_household
from webhooks.marks import Marks

# a busy machine is no fault of an example: what hangs is looked for by tests that say so
hypothesis.settings.register_profile("pimcollect", deadline=None)
hypothesis.settings.load_profile("pimcollect")

_CLEAN = """
DO $$
DECLARE name regclass; filled boolean;
BEGIN
    SET LOCAL lock_timeout = '5s';
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %s', name); END IF;
    END LOOP;
END $$
"""


_made: list[Engine] = []
"""Engines that the running test made."""
_older: weakref.WeakSet[Engine] = weakref.WeakSet()
"""Those of earlier tests that somebody still holds."""
_create_engine = db.create_engine


def _remember_engine(*args: Any, **more: Any) -> Engine:
    _made.append(_create_engine(*args, **more))
    return _made[-1]


db.create_engine = _remember_engine
_counting: weakref.WeakSet[Marks] = weakref.WeakSet()
_open_marks = Marks.__init__


def _remember_marks(self: Marks, engine: Engine) -> None:
    _open_marks(self, engine)
    _counting.add(self)


Marks.__init__ = _remember_marks  # type: ignore[method-assign]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Close what waits in the pools, so that no collector finds it open in the middle of another test. An engine that
    is used again connects anew. What a door counted and has not written yet is forgotten: it would be written into
    the tables of another test."""
    for marks in list(_counting):
        for counts in (marks._hooks, marks._phones, marks._refusals, marks._refused_phones):
            counts.clear()
    for engine in {*_made, *_older}:
        engine.dispose()
    _older.update(_made)
    _made.clear()


@dataclass(frozen=True)
class Ground:
    """The servers of one test process: how to reach them as the role that may make databases, and as the service."""

    admin_url: str
    redis_url: str
    owner: str
    """The role of the service: no superuser where the servers are ours."""
    password: str

    def url(self, database: str, *, is_admin: bool = False) -> str:
        """The address of a database on this ground."""
        address = make_url(self.admin_url).set(database=database)
        if not is_admin and self.owner:
            address = address.set(username=self.owner, password=self.password)
        return address.render_as_string(hide_password=False)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database (130 ms from a template) and return its address."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            if self.owner:
                made += sql.SQL(" OWNER {}").format(sql.Identifier(self.owner))
            admin.execute(made)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still in it."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """A PostgreSQL and a Valkey for this test process, started on first use and gone at its end."""
    given_database = os.environ.get("TEST_DATABASE_URL", "")
    given_redis = os.environ.get("TEST_REDIS_URL", "")
    with ExitStack() as stack:
        # not pytest's own folder: its path is too long for a socket
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True)))
        supervisor = Supervisor()
        stack.callback(supervisor.stop)
        open_home(home)
        stack.enter_context(lock_home(home))
        if given_database and given_redis:
            yield Ground(given_database, given_redis, "", "")
            return
        place = settle_in(home, is_durable=False)
        start_servers(supervisor, place, postgres=not given_database, valkey=not given_redis)
        admin = place.database_url(role=ADMIN, database="postgres")
        owner = "" if given_database else OWNER
        yield Ground(given_database or admin, given_redis or place.redis_url, owner, place.passwords[OWNER])


@pytest.fixture(scope="session")
def template(ground: Ground) -> Iterator[str]:
    """Name of a database with the newest tables and nothing in them; never connect to it, copy it."""
    name = f"pim_template_{uuid4().hex[:8]}"
    db.migrate(ground.create_database(name))
    yield name
    ground.drop_database(name)


@pytest.fixture(scope="session")
def _kept_database(ground: Ground, template: str) -> Iterator[str]:
    name = f"pim_test_{uuid4().hex[:8]}"
    ground.create_database(name, template=template)
    yield name
    ground.drop_database(name)


@pytest.fixture
def database_url(ground: Ground, _kept_database: str) -> Iterator[str]:
    """A database with empty tables. After the test they are emptied; one that left a transaction open fails."""
    yield ground.url(_kept_database)
    with psycopg.connect(ground.url(_kept_database, is_admin=True)) as admin:
        admin.execute(_CLEAN)


@pytest.fixture
def fresh_database(ground: Ground, template: str) -> Iterator[Callable[..., str]]:
    """Makes a database of its own for a test that needs more than clean tables: `fresh_database(migrated=False)`."""
    made: list[str] = []

    def make(*, migrated: bool = True) -> str:
        made.append(f"pim_fresh_{uuid4().hex[:8]}")
        return ground.create_database(made[-1], template=template if migrated else "template1")

    yield make
    for name in made:
        ground.drop_database(name)


@pytest.fixture
def redis_url(ground: Ground) -> Iterator[str]:
    """An empty Valkey."""
    connection = Redis.from_url(ground.redis_url)
    try:
        connection.flushdb()
        yield ground.redis_url
    finally:
        connection.close()


@pytest.fixture(scope="session")
def _kept_engine(ground: Ground, _kept_database: str) -> Iterator[Engine]:
    engine = db.open_engine(ground.url(_kept_database))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database_url: str, _kept_engine: Engine) -> Engine:
    """An engine on `database_url`, as the service opens it."""
    assert database_url
    return _kept_engine


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions on `database_url`, as the service opens them."""
    return db.open_sessions(engine)


@pytest.fixture(scope="session")
def _keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("keys")
    create_keys(folder / "door.json", folder / "hands.json")
    return folder / "door.json", folder / "hands.json"


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str, _keys: tuple[Path, Path]) -> Settings:
    """Settings of a whole installation: clean tables, an empty queue, keys, a home of its own."""
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        redis_url=redis_url,
        door_keys=_keys[0],
        hands_keys=_keys[1],
        port=0,
    )


@pytest.fixture(scope="session")
def door_keys(_keys: tuple[Path, Path]) -> DoorKeys:
    """What the web process holds in tests."""
    return read_door_keys(_keys[0])


@pytest.fixture(scope="session")
def hands_keys(_keys: tuple[Path, Path]) -> HandsKeys:
    """What the workers hold in tests."""
    return read_hands_keys(_keys[1])


@pytest.fixture
def household(settings: Settings, engine: Engine) -> Iterator[Household]:
    """The household form and the workers that settle what answers it."""
    household = open_household(settings, engine)
    yield household
    household.hands.engine.dispose()
