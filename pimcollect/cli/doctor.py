"""pimcollect doctor: is everything well, and if not, what to do. Looks only; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import click
from redis.exceptions import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.actions.connections import tell_pulls
from pimcollect.actions.inbox import MENDS
from pimcollect.actions.keys import list_old_keys, say_needed
from pimcollect.cli.desk import json_option, print_json, print_mends, print_rows
from pimcollect.cli.doctor_doors import check_refusals, check_unasked, count_to_carry
from pimcollect.cli.doctor_told import check_key_marks, check_told, tell_nothing_told
from pimcollect.cli.findings import ATTENTION, OK, Finding
from pimcollect.cli.phone_refusals import check_phone_refusals
from pimcollect.config import Settings, read_settings
from pimcollect.db import is_migrated, open_engine, open_sessions, transaction
from pimcollect.domain.outcomes import HeldReason
from pimcollect.domain.referrals import State
from pimcollect.domain.release_words import say_finding, say_reason
from pimcollect.domain.releases import State as ReleaseState
from pimcollect.domain.roles import COMMAND_LINE, allow
from pimcollect.doorbell import QUEUES, open_redis
from pimcollect.embedded import servers
from pimcollect.errors import PimError
from pimcollect.home import NAME_HOME, find_running, was_started
from pimcollect.notifiers.base import REMEDIES
from pimcollect.notifiers.reserved import is_practising
from pimcollect.tables.catalogue import find_services
from pimcollect.tables.entities import count_entities
from pimcollect.tables.entries import find_forgotten
from pimcollect.tables.journal import find_beats
from pimcollect.tables.marks import count_held
from pimcollect.tables.notices import DEAD, count_troubles
from pimcollect.tables.referrals import ReferralRow
from pimcollect.tables.releases import find_releases
from pimcollect.tables.reveals import count_unseen
from pimcollect.vault import OpenKey, SealKey, read_door_keys, read_hands_keys

_OLDEST, _NEWEST = 15, 18
_BEAT_SECONDS = 60
_KEY_DAYS = 366
_MEGABYTE = 1024 * 1024
_FULL_MEGABYTES, _LOW_MEGABYTES = 200, 2048


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at keys, database, queue, workers, clock, disk, holds, notices and settings.

    Exit status 1 when something stops the service; warnings alone leave it 0.
    """
    allow(COMMAND_LINE, "service.watch")
    findings = list(examine(read_settings()))
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        columns = {"check": "what", "state": "state", "detail": "found"}
        print_rows([asdict(one) for one in findings], as_json=False, columns=columns, empty="")
        print_mends((f"{one.check} ({one.detail})", one.remedy) for one in findings)
        worst = sum(one.state == ATTENTION for one in findings)
        click.echo(f"\n{worst} need attention." if worst else "\nAll is well.")
    context.exit(1 if any(one.stops for one in findings) else 0)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything, in the order in which it should be mended."""
    yield check_keys(settings)
    yield check_disk(settings)
    if settings.is_embedded and find_running(settings.home) is None:
        if settings.database_url or was_started(settings.home):
            what, remedy = "is not running in this home", "Run `pimcollect up`."
        else:
            what, remedy = (
                f"there is no installation in {settings.home}",
                f"{NAME_HOME} `pimcollect up` makes a new one.",
            )
        yield Finding("service", ATTENTION, what, remedy, stops=True)
        yield tell_nothing_told()
    else:
        with servers(settings) as found:
            yield from _examine_servers(found, is_own=not settings.database_url)


def _examine_servers(settings: Settings, *, is_own: bool) -> Iterator[Finding]:
    yield check_queue(settings)
    engine = open_engine(settings.database_url, pool_size=1)
    sessions = open_sessions(engine)
    try:
        database = check_database(sessions, is_own=is_own)
        yield database
        if database.state == OK:
            with transaction(sessions) as session:
                yield from check_key_marks(session, settings)
                yield from check_beats(session)
                yield from check_intake_keys(session, settings)
                yield from check_entries(session, count_to_carry(session, settings))
                yield from check_refusals(session)
                yield from check_unasked(session)
                yield from check_phone_refusals(session)
                yield from check_connections(session)
                yield from check_releases(session)
                yield from check_notices(session)
                yield from check_referrals(session)
                yield from check_told(session, settings)
                yield from check_practice(session, settings)
                yield from check_entities(session)
        else:
            yield tell_nothing_told()
    finally:
        engine.dispose()


def check_keys(settings: Settings) -> Finding:
    """Both files are there, closed to others, and what the door seals the hands can open."""
    try:
        door, hands = read_door_keys(settings.door_keys), read_hands_keys(settings.hands_keys)
    except PimError as error:
        return Finding("keys", ATTENTION, error.message, error.remedy, stops=True)
    pairs: list[tuple[SealKey, tuple[OpenKey, ...]]] = [(door.cases, hands.cases)]
    if door.carry is None:  # else this machine collects for another one, and is not meant to open what arrives
        pairs.append((door.intake, hands.intake))
    if any(sealing.raw not in {key.seal_key.raw for key in ring} for sealing, ring in pairs):
        remedy = "Put back the two files that were made together; do not take any more deliveries until then."
        return Finding("keys", ATTENTION, "what the door seals the workers cannot open", remedy, stops=True)
    if door.carry is not None:
        return Finding("keys", OK, "what arrives is sealed for another machine: carry it there")
    return Finding("keys", OK, "door and workers belong together")


def check_intake_keys(session: Session, settings: Settings) -> Iterator[Finding]:
    """How old the key is that the door seals to, whether a newer one waits, and what still needs older ones."""
    try:
        door, hands = read_door_keys(settings.door_keys), read_hands_keys(settings.hands_keys)
    except PimError:
        return  # said by check_keys
    if door.carry is not None:
        return
    made_on = hands.made_on.get(door.intake.key_id.hex())
    days = None if made_on is None else (datetime.now(UTC).date() - made_on).days
    name = f"intake key {door.intake.key_id.hex()}, "
    name += "made before the day was noted" if days is None else f"{days} days old"
    if hands.intake[0].seal_key.raw != door.intake.raw:
        yield Finding("intake key", ATTENTION, f"{name}; a newer one is ready", "Run `pimcollect keys rotate` again.")
    elif days is not None and days > _KEY_DAYS:
        yield Finding("intake key", ATTENTION, name, "Once a year: `pimcollect keys rotate`.")
    else:
        yield Finding("intake key", OK, name)
    for old in list_old_keys(session, COMMAND_LINE, hands, sealing=door.intake):
        what = f"old key {old.key_id}: " + (f"needed by {say_needed(old.needed)}" if old.needed else "not needed")
        remedy = (
            f"`pimcollect keys forget {old.key_id}` seals what is left anew and removes it; see docs/operators/keys.md."
        )
        yield Finding("intake key", ATTENTION, what, remedy)


def check_disk(settings: Settings) -> Finding:
    """Free space where the home is."""
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // _MEGABYTE
    if free < _LOW_MEGABYTES:
        return Finding("disk", ATTENTION, f"{free} MB free", "Make room.", stops=free < _FULL_MEGABYTES)
    return Finding("disk", OK, f"{free // 1024} GB free")


def check_queue(settings: Settings) -> Finding:
    """Whether Redis or Valkey answers, and how many jobs wait."""
    connection = open_redis(settings.redis_url, seconds=2.0)
    try:
        waiting = {queue: connection.llen(f"rq:queue:{queue}") for queue in QUEUES}
    except RedisError:
        remedy = "Start Redis or Valkey; nothing is lost meanwhile, but nothing is settled either."
        return Finding("queue", ATTENTION, "does not answer", remedy, stops=True)
    finally:
        connection.close()
    return Finding("queue", OK, ", ".join(f"{name} {count}" for name, count in waiting.items()) + " waiting")


def check_database(sessions: sessionmaker[Session], *, is_own: bool = False) -> Finding:
    """Reachable, of a version we know, with the newest tables. `is_own`: it is the one that we start ourselves."""
    try:
        with transaction(sessions) as session:
            number = int(session.scalar(text("SHOW server_version_num")) or 0) // 10_000
            is_new = is_migrated(session)
    except SQLAlchemyError:
        remedy = "Start PostgreSQL, check DATABASE_URL, run `pimcollect migrate`."
        if is_own:
            remedy = "End `pimcollect up` and start it again; `logs` of its home says why the database went away."
        return Finding("database", ATTENTION, "does not answer, or has no tables", remedy, stops=True)
    if not _OLDEST <= number <= _NEWEST:
        remedy = f"Use PostgreSQL {_OLDEST} to {_NEWEST}."
        return Finding("database", ATTENTION, f"is PostgreSQL {number}", remedy, stops=True)
    if not is_new:
        return Finding("database", ATTENTION, "its tables are old", "Run `pimcollect migrate`.", stops=True)
    return Finding("database", OK, f"PostgreSQL {number}, newest tables")


def check_beats(session: Session) -> Iterator[Finding]:
    """Each working process has shown itself within the last minute."""
    beats, now = find_beats(session), session.scalar(select(func.clock_timestamp())) or datetime.now(UTC)
    for name in ("clock", *QUEUES):
        what = "clock" if name == "clock" else f"worker {name}"
        seconds = None if name not in beats else int((now - beats[name]).total_seconds())
        if seconds is not None and seconds <= _BEAT_SECONDS:
            yield Finding(what, OK, f"seen {seconds} s ago")
            continue
        program = "`python -m workers clock`" if name == "clock" else "`python -m workers`"
        detail = "never seen" if seconds is None else f"last seen {seconds} s ago"
        yield Finding(what, ATTENTION, detail, f"Start {program}, or `pimcollect up` for everything.", stops=True)


def check_entries(session: Session, to_carry: int = 0) -> Iterator[Finding]:
    """What is held, by reason, and what nobody has settled for a minute. `to_carry` of them are as they should be."""
    held = count_held(session)
    if to_carry:
        detail = f"{to_carry} held for the machine whose key they are sealed to: `pimcollect inbox carry -o FILE`"
        yield Finding("inbox", OK, detail)
        held[HeldReason.KEY_MISSING] -= to_carry
    held = {why: n for why, n in held.items() if n > 0}
    for why, n in held.items():
        yield Finding("inbox", ATTENTION, f"{n} held: {why}", MENDS.get(why, "Look at `pimcollect inbox list`."))
    late = len(find_forgotten(session, seconds=_BEAT_SECONDS))
    if late:
        yield Finding("inbox", ATTENTION, f"{late} or more wait longer than a minute", "See the workers above.")
    if not held and not late and not to_carry:
        yield Finding("inbox", OK, "nothing held, nothing late")


def check_connections(session: Session) -> Iterator[Finding]:
    """Connected servers that could not be pulled, or were not for too long, or have another count than we know."""
    rows = tell_pulls(session, COMMAND_LINE)
    for one in rows:
        what = f"{one.server} for {one.form}: {one.state}"
        if one.state not in ("well", "new"):
            yield Finding("servers", ATTENTION, what, one.remedy)
        elif one.state == "well" and one.known != one.count_there:
            detail = f"{what}, {one.known} fetched of {one.count_there} there"
            yield Finding("servers", ATTENTION, detail, f"`pimcollect servers fetch {one.form}` compares them now.")
    if rows and all(one.state == "well" and one.known == one.count_there for one in rows):
        yield Finding("servers", OK, f"{len(rows)} connected, all pulled")


def check_releases(session: Session) -> Iterator[Finding]:
    """Releases that stopped, and servers that hold something else than was released to them."""
    rows = find_releases(session)
    present = [one for one in rows if one["is_newest"] or one["state"] in (ReleaseState.WAITING, ReleaseState.STOPPED)]
    for one in present:
        name = f"{one['form']} at {one['server']}"
        if one["state"] == ReleaseState.STOPPED:
            what, mend = say_reason(one["reason"])
            yield Finding("releases", ATTENTION, f"{name}: {what}", mend)
        for code, about in one["findings"] if one["is_newest"] else ():
            remedy = f"See docs/imo/release.md; `pimcollect forms release {one['form']} --check` looks again."
            yield Finding("releases", ATTENTION, f"{name}: {say_finding(code, about)}", remedy)
    if present and not any(one["findings"] or one["state"] == ReleaseState.STOPPED for one in present):
        yield Finding("releases", OK, f"{len(present)} at servers, as they were released or on their way")


def check_notices(session: Session) -> Iterator[Finding]:
    """Notices that wait for a reason, and dead ones."""
    rows = [one for one in count_troubles(session) if one[0] == DEAD or one[1] is not None]
    for state, why, n in rows:
        remedy = REMEDIES.get(why or "", "Ask whoever runs the mail server.")
        yield Finding("notices", ATTENTION, f"{n} {state}: {why}", remedy)
    if not rows:
        yield Finding("notices", OK, "none stuck")


def check_entities(session: Session) -> Iterator[Finding]:
    """Visits that crossed, or wait for one that has not come: nobody sees them on a phone."""
    for one in count_entities(session):
        if one["conflicts"] or one["waiting"]:
            detail = f"{one['name']}: {one['conflicts']} in conflict, {one['waiting']} visits that wait"
            yield Finding(
                "follow-up", ATTENTION, detail, f"`pimcollect forms entities {one['name']}` shows them first."
            )


def check_referrals(session: Session) -> Iterator[Finding]:
    """What nobody serves (found for nobody, or declined), and what nobody answered in time."""
    unserved = session.scalar(
        select(func.count()).select_from(ReferralRow).where(ReferralRow.state.in_((State.NO_SERVICE, State.DECLINED)))
    )
    overdue = session.scalar(
        select(func.count())
        .select_from(ReferralRow)
        .where(ReferralRow.state.in_((State.WAITING, State.SENT)), ReferralRow.due_at < func.clock_timestamp())
    )
    if unserved:
        remedy = (
            "`pimcollect referrals list` shows no_service and declined; `referrals move REF reroute --service CODE`."
        )
        yield Finding("referrals", ATTENTION, f"{unserved} without a service (none found, or declined)", remedy)
    if overdue:
        yield Finding("referrals", ATTENTION, f"{overdue} past their deadline, not answered", "Call the services.")
    unseen = count_unseen(session)
    if unseen:
        remedy = "`pimcollect referrals move REF reopen` asks their services again."
        yield Finding("referrals", ATTENTION, f"{unseen} accepted by nobody who can see whom they are about", remedy)
    if not unserved and not overdue and not unseen:
        yield Finding("referrals", OK, "all served and in time")


def check_practice(session: Session, settings: Settings) -> Iterator[Finding]:
    """Invented services in a real deployment: whoever is referred there is helped by nobody."""
    there = sum(one.is_practice and not one.is_suspended for one in find_services(session))
    if there and not is_practising(settings):
        remedy = "`pimcollect services remove --practice`, then `pimcollect services import FILE.json`."
        yield Finding("services", ATTENTION, f"{there} are invented, for practice: nobody helps there", remedy)
