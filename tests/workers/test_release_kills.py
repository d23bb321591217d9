"""Whatever dies, and wherever: the release goes on, and ends as one form, one hook, each file once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pimcollect.config import Settings
from pimcollect.domain.releases import State
from pimcollect.servers.answers import Answer
from pimcollect.servers.http import Client
from tests.factories.releases import Press
from tests.reenacted.server import Asked, ReenactedServer, Reply
from tests.workers.releasing import SERVERS, clear, hurry, open_server, see, whole

CALLS = 18
"""More than any of the three servers needs for one release."""
KILLED_BEFORE, KILLED_AFTER, LOST_BEFORE, LOST_AFTER, WELL = (
    "killed before",
    "killed after",
    "503",
    "reply lost",
    "well",
)
TROUBLES = (KILLED_BEFORE, KILLED_AFTER, LOST_BEFORE, LOST_AFTER)


class Killed(BaseException):
    """The worker is gone at this very moment: nothing more is written down."""


class Fate:
    """What befalls each call, one after another; later ones go well."""

    def __init__(self, fates: Sequence[str]) -> None:
        self.fates = list(fates)
        self.made = 0

    def next(self) -> str:
        fate = self.fates[self.made] if self.made < len(self.fates) else WELL
        self.made += 1
        return fate


@contextmanager
def troubled(fate: Fate, server: ReenactedServer) -> Iterator[None]:
    """The worker's calls, each with its fate."""
    with pytest.MonkeyPatch.context() as patch:
        send = Client._send_once
        now = [WELL]

        def send_once(self: Client, *args: Any, **parts: Any) -> Answer:
            now[0] = fate.next()
            if now[0] == KILLED_BEFORE:
                raise Killed
            answer = send(self, *args, **parts)
            if now[0] == KILLED_AFTER:
                raise Killed
            return answer

        answer_well = server.answer

        def answer(asked: Asked) -> Reply:
            if now[0] == LOST_BEFORE:
                return Reply(503)
            reply = answer_well(asked)
            # it was done there, and the way back broke
            return replace(reply, cut=0, body=reply.body or b"-") if now[0] == LOST_AFTER else reply

        patch.setattr(Client, "_send_once", send_once)
        patch.setattr(server, "answer", answer)
        hurry(patch)
        yield


def work_through(press: Press, fate: Fate) -> None:
    """Work, die, come back, until nothing is left to do."""
    with troubled(fate, press.server):
        for _ in range(4 * CALLS):
            try:
                done = press.work()
            except Killed:
                done = 1
            if not done:
                return
            press.wake()
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_killed_after_any_call_it_ends_as_one_form_with_one_hook_and_each_file_once(
    settings: Settings, kind: str
) -> None:
    with open_server(kind) as server, Press(settings, server) as press:
        press.serve()
        press.put_version()
        connection = press.connect()
        for call in range(CALLS):
            release, fate = press.ask(connection), Fate([WELL] * call + [KILLED_AFTER])
            work_through(press, fate)
            row = press.look(release)
            assert (row.state, row.reason) == (State.DONE, None), call
            assert see(server) == whole(press), call
            if fate.made <= call:
                return  # it needs no more calls than that
            press.forget()
            clear(server)
    raise AssertionError("it needs more calls than were looked at")


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_any_mixture_of_deaths_and_lost_replies_over_two_versions_ends_well(settings: Settings, kind: str) -> None:
    with open_server(kind) as server, Press(settings, server) as press:
        press.serve()
        press.put_version()
        connection = press.connect()

        @hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.sampled_from([*TROUBLES, WELL, WELL, WELL]), max_size=2 * CALLS))
        def check(fates: list[str]) -> None:
            press.forget()
            clear(server)
            fate = Fate(fates)
            for number in (1, 2):
                press.put_version(number)
                release = press.ask(connection)
                work_through(press, fate)
                assert press.look(release).state == State.DONE
            assert see(server) == whole(press, 2)

        check()


@pytest.mark.parametrize("path", ["/api/v2/assets/", "/hooks/"])
def test_a_real_process_killed_by_the_kernel_is_followed_by_one_that_finishes(settings: Settings, path: str) -> None:
    """SIGKILL at the moment in which the server has made the form or the hook and has not answered yet."""
    with open_server("kobo") as server, Press(settings, server) as press:
        press.serve()
        press.put_version()
        release = press.ask(press.connect())
        process: list[subprocess.Popen[bytes]] = []
        answer_well = server.answer

        def answer(asked: Asked) -> Reply:
            reply = answer_well(asked)
            if asked.method == "POST" and asked.path.endswith(path):
                process[0].kill()
                process[0].wait()
            return reply

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "answer", answer)
            process.append(start_worker(press))
            assert process[0].wait(timeout=60) == -signal.SIGKILL
        assert press.look(release).state == State.WAITING
        press.wake()
        again = start_worker(press)
        assert again.wait(timeout=60) == 0
        assert press.look(release).state == State.DONE
        assert see(server) == whole(press)


def start_worker(press: Press) -> subprocess.Popen[bytes]:
    """What a ring makes the worker do, in a process of its own."""
    own = press.settings
    environment = os.environ | {
        "PIMCOLLECT_HOME": str(own.home),
        "DATABASE_URL": own.database_url,
        "REDIS_URL": own.redis_url,
        "PIMCOLLECT_HANDS_KEYS": str(own.hands_keys),
        "PIMCOLLECT_DOOR_KEYS": str(own.door_keys),
        "PIMCOLLECT_URL": own.public_url,
        "PIMCOLLECT_PRIVATE_HOSTS": press.server.host,
    }
    code = "from workers.hands import hands; from workers.releases import publish_due; publish_due(hands())"
    return subprocess.Popen([sys.executable, "-c", code], env=environment)
