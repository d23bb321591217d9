"""The reliability contract as a table: each fault, what is done, what is expected, and the experiment that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import clocks, crowds, database, doubles, kills, lives, mails, points, poison, queue, upstream
from tests.faults.found import Found

Experiment = Callable[..., Found]
"""Called with `is_quick`: small numbers, the same deeds."""


@dataclass(frozen=True)
class Fault:
    """A row of the contract. `left_out` says which part of the sheet's figure is not shown here, and why."""

    code: str
    what: str
    done: str
    expected: str
    run: Experiment
    left_out: str = ""
    is_cheap: bool = False
    """Its quick version is part of the tests that always run."""


TABLE = (
    Fault(
        "F01",
        "signal 9 at random",
        "10,000 deliveries by hook and phone and 1,000 again; 200 kills of web, workers and clock, 3 emptied queues, 2 "
        "restarted databases",
        "0 lost, 0 doubled, 0 personal values found, at most 4 minutes",
        kills.kill_at_random,
    ),
    Fault(
        "F02",
        "signal 9 at 14 named points",
        "each point 50 times, in processes of their own: between receipt and mail",
        "right after each death what its row says; at the end one submission, one referral, one mail by its id",
        points.kill_at_points,
    ),
    Fault(
        "F03",
        "the entry of a living worker is given to another",
        "500 times the first stands still at one of five points while the second settles",
        "one effect, 0 doubled",
        points.redeliver_while_alive,
    ),
    Fault(
        "F04",
        "queue emptied, away, restarted empty, full",
        "5,000 deliveries: 10 times FLUSHALL, a minute away, killed, half a minute at its memory limit",
        "2xx goes on with p99 under 300 ms; drained within 60 s after",
        queue.lose_queue,
        left_out="away for one minute instead of five",
    ),
    Fault(
        "F05",
        "queue hangs",
        "1,500 deliveries while it takes connections and answers nothing",
        "0 x 5xx, p99 under 1 s",
        queue.hang_queue,
    ),
    Fault(
        "F06",
        "database restarted, hangs, no connection left",
        "5 immediate restarts, 30 s stopped, 40 senders behind a locked table",
        "503 with Retry-After, no false 2xx; taken again within 5 s",
        database.trouble_database,
    ),
    Fault(
        "F07",
        "database killed right after a 2xx",
        "200 times signal 9 to its first process the moment that the sender has its answer",
        "0 rows missing",
        database.kill_after_receipt,
        left_out="the process dies, the machine does not: that the disk keeps what fsync promised is not shown",
    ),
    Fault(
        "F08",
        "disk full",
        "data, log of changes and our logs on 256 MB without a byte left for 20 s",
        "503, nothing half-written, goes on when there is room; 0 lost",
        database.fill_disk,
        left_out="only as root (it mounts a file system); amcheck only where the PostgreSQL has it",
    ),
    Fault(
        "F09",
        "the same five times at once",
        "2,000 deliveries x 5 by 8 senders: same bytes, other bytes, ids with and without `uuid:`",
        "one submission each, 0 doubled",
        doubles.send_doubles,
    ),
    Fault(
        "F10",
        "editions out of order",
        "1,000 roots: edits before originals, edits of edits, deletions and repeats in any order",
        "each as if they had come in order",
        upstream.shuffle,
    ),
    Fault(
        "F11",
        "consent withdrawn upstream, never pushed",
        "100 edits yes -> no on a connected server, some referrals sent, some accepted",
        "the next pull recalls 100 of 100 and shreds the cases",
        upstream.flip_consents,
        left_out="that the next pull is within 15 minutes is a setting of the clock, tested apart",
    ),
    Fault(
        "F12",
        "hint of nothing",
        "hints whose commit never comes or comes later",
        "nothing made up; asked again",
        upstream.hint_of_nothing,
        is_cheap=True,
    ),
    Fault(
        "F13",
        "files late, never, twice, cut off, empty",
        "500 cases on a connected server",
        "answers do not wait; a file is whole or asked for again",
        upstream.late_files,
    ),
    Fault(
        "F14",
        "wrong clocks",
        "door, worker and sender under six clocks: two days off, into and out of summer time, leap day, 2038",
        "the same rows and mails as with the right clock",
        clocks.skew_clocks,
        left_out="needs libfaketime; signed calls of partners do not exist yet",
    ),
    Fault(
        "F15",
        "poison",
        "deliveries that raise, exhaust memory, leave, loop for ever, take 2 GB, crash the interpreter",
        "held after at most 8 attempts, for memory after 3 (the sheet proposes 5; random kills of F01 can hit an "
        "innocent one as often); neighbours settle",
        poison.send_poison,
        left_out="a decision that hangs is ended after 2 s here, after 60 s in service",
    ),
    Fault(
        "F16",
        "mail server away, slow, refusing, dropping",
        "60 notices in each of six states",
        "0 lost, known again by their id, refused for good stays visible",
        mails.trouble_mail,
    ),
    Fault(
        "F17",
        "others' servers down, slow, wrong",
        "429, 5xx, 200 with an error, hangs, redirects, huge answers, lost replies and kills, for releases and pulls",
        "retried or told in words, one effect",
        mails.trouble_servers,
        left_out="partner endpoints for referrals are a later issue; a certificate that expires is not shown",
    ),
    Fault(
        "F18",
        "sent, dead before it is written down",
        "100 times",
        "sent again with the same id",
        points.crash_before_mark,
    ),
    Fault(
        "F19",
        "slow senders",
        "60, then 300 connections that drip headers or bodies",
        "others are answered, p99 under 1 s",
        crowds.slow_senders,
    ),
    Fault(
        "F20",
        "large bodies",
        "10 MB, one byte more, 10 MB of empty elements",
        "202, 413, held; worker at most 400 MB and 10 s",
        crowds.large_bodies,
    ),
    Fault(
        "F21",
        "huge forms",
        "5,000 questions, 1,000 repeats",
        "built within 5 s of the processor; taken and settled within 1 s",
        upstream.huge_form,
    ),
    Fault(
        "F22",
        "rush",
        "up to 500 a second by 20 senders for a minute",
        "no answer but 2xx and 503; p99 under 500 ms; drained within 5 minutes",
        crowds.rush,
        left_out="two cores shared with the senders reach less; the rate is told. Fairness among hooks is not measured",
    ),
    Fault(
        "F23",
        "restarts under load",
        "10 times SIGTERM to web, workers and clock one after another, `pimcollect migrate` meanwhile",
        "no answer but 2xx and 503, 0 connections refused, 0 lost",
        lives.restart_rolling,
        left_out="old workers on a newer schema and the way back need two releases",
    ),
    Fault(
        "F24",
        "yesterday's backup",
        "20 times: pulled, backed up, changed and deleted upstream, restored, pulled",
        "0 missing, 0 risen again",
        upstream.restore_backup,
    ),
    Fault(
        "F25",
        "keys turn over or are away",
        "10 new intake keys under load, each old one removed, then no private keys for some seconds",
        "taken all the while, 0 lost",
        lives.turn_keys,
    ),
    Fault(
        "F26",
        "two of everything",
        "two crews of workers, senders and clocks on one database and queue, 3,000 deliveries",
        "0 doubled, no mail twice",
        doubles.double_crew,
    ),
    Fault(
        "F27",
        "pulls in trouble",
        "10,000 there, 600 changes meanwhile, 429, 5xx, broken pages, 8 kills, a revoked token",
        "equal sets and newest editions; the refusal is told",
        upstream.pull_in_trouble,
    ),
    Fault(
        "F28",
        "soak",
        "5 minutes of deliveries with emptied queues and restarted databases",
        "memory, open files and log of changes stay",
        lives.soak,
        left_out="2 hours and 1 MB an hour: a nightly run's business",
    ),
    Fault(
        "F29",
        "unknown choice, question, version",
        "900 deliveries",
        "0 x 5xx; taken, and held where nobody can tell",
        upstream.unknown_answers,
        is_cheap=True,
    ),
    Fault(
        "F30",
        "power cut",
        "20 times signal 9 to everything at once under load",
        "ready again within 20 s, 0 lost",
        database.cut_power,
        left_out="during a backup: there is no backup command to interrupt",
    ),
)
