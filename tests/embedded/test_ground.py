"""The test ground itself: clean tables, an empty queue, databases of one's own."""

from collections.abc import Callable

from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from pimcollect import db
from pimcollect.config import Settings
from pimcollect.db import transaction


def test_the_service_is_no_superuser_in_its_database(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        assert session.execute(text("SELECT current_setting('is_superuser')")).scalar() == "off"


def test_a_fresh_database_has_the_newest_tables(fresh_database: Callable[..., str]) -> None:
    engine = db.open_engine(fresh_database())
    with db.open_sessions(engine)() as session:
        assert db.is_migrated(session)
    engine.dispose()


def test_settings_point_at_servers_that_answer(settings: Settings) -> None:
    with Redis.from_url(settings.redis_url) as queue:
        assert queue.ping()
    assert settings.door_keys.exists()
