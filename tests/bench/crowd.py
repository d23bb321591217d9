"""The phones and servers of a chaos run: each keeps sending a delivery until it is taken, and remembers what was."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import requests
from urllib3.exceptions import NewConnectionError

from tests.bench.bodies import Sent

PHONES = "phones"
"""Where a phone posts, among the hooks."""
CLIENTS = 6
_TIMEOUT = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5


@dataclass(frozen=True)
class Hook:
    """Where a form's deliveries are posted."""

    address: str
    headers: Mapping[str, str] = field(repr=False)


class Crowd:
    """Client threads that send `posts` in bursts, as they are allowed to. What is acknowledged is known here, not in
    the service that is tested."""

    def __init__(self, posts: Sequence[Sent], hooks: Mapping[str, Hook], *, clients: int = CLIENTS) -> None:
        self._posts = posts
        self._hooks = hooks
        self._lock = threading.Lock()
        self._next = 0
        self._allowed = 0
        self._stop = threading.Event()
        self.acknowledged: dict[str, Sent] = {}
        self.statuses: Counter[int] = Counter()
        self.answers: list[tuple[float, int, float]] = []
        """When each answer came (monotonic), its status, and how many seconds it took."""
        self.silent_503 = 0
        """Answers of 503 that do not say when to come again."""
        self.lost_connections = 0
        self.refused_connections = 0
        """Of the lost ones those that nobody listened to."""
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(clients)]

    def start(self) -> None:
        """Begin to wait for permission to send."""
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        """True when everything was taken."""
        return not any(thread.is_alive() for thread in self._threads)

    def allow(self, part: float) -> None:
        """Let the posts up to `part` (0 to 1) of all go out, as fast as they are answered."""
        self._allowed = round(part * len(self._posts))

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_TIMEOUT * 2)

    def _take(self) -> Sent | None:
        """The next post, when it is allowed."""
        with self._lock:
            number = self._next
            if number >= len(self._posts):
                return None
            self._next += 1
        while number >= self._allowed and not self._stop.is_set():
            time.sleep(_FIRST_PAUSE / 4)
        return self._posts[number]

    def _send_all(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set() and (sent := self._take()) is not None:
                self._send(session, sent)

    def _send(self, session: requests.Session, sent: Sent) -> None:
        """Until a 2xx, as a sender that loses nothing must."""
        hook, pause = self._hooks[PHONES if sent.is_by_phone else sent.form], _FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                answer = session.post(
                    hook.address, data=sent.body, headers=dict(hook.headers), timeout=_TIMEOUT, allow_redirects=False
                )
            except requests.RequestException as error:
                with self._lock:
                    self.lost_connections += 1
                    self.refused_connections += _is_refused(error)
            else:
                with self._lock:
                    self.statuses[answer.status_code] += 1
                    self.answers.append((time.monotonic(), answer.status_code, time.monotonic() - began))
                    self.silent_503 += answer.status_code == 503 and "Retry-After" not in answer.headers
                    if answer.ok:
                        self.acknowledged[sent.root_id] = sent
                        return
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _is_refused(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def repeat_some(sent: Sequence[Sent], *, part: float, seed: int) -> list[Sent]:
    """The deliveries with `part` of them sent twice: half of those right after the first time, half much later."""
    chance = random.Random(seed)  # noqa: S311 - invented data, repeatable
    twice = {one.root_id for one in chance.sample(list(sent), int(len(sent) * part))}
    posts: list[Sent] = []
    later: list[Sent] = []
    for one in sent:
        posts.append(one)
        if one.root_id in twice:
            (posts if chance.random() < 0.5 else later).append(one)
    for one in later:
        posts.insert(chance.randrange(posts.index(one) + 1, len(posts) + 1), one)
    return posts
