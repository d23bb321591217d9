"""`python -m workers`: a working process for each queue. `python -m workers clock`: what the clock has to do.

`python -m workers withdraw ID` is called by `pimcollect submissions withdraw`, which holds no private keys.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from uuid import UUID

from pimcollect.config import Settings, read_settings
from pimcollect.embedded import servers
from pimcollect.errors import PimError
from pimcollect.launch import forbid_core_dumps
from pimcollect.log import configure_logging
from pimcollect.supervision import MISCONFIGURED, say, stop_signals
from pimcollect.vault import read_hands_keys


def _work(settings: Settings) -> None:
    from workers.processes import keep_working

    configure_logging("workers")
    # without the private keys nothing can be settled: say so now, not at the first job
    read_hands_keys(settings.hands_keys)
    # jobs read the environment: tell them where the embedded servers are
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = settings.database_url, settings.redis_url
    keep_working(settings)


def _keep_time(settings: Settings) -> None:
    from workers.sweep import run_clock

    configure_logging("clock")
    with stop_signals() as stop:
        run_clock(settings, should_stop=stop)


def _withdraw(settings: Settings, submission: str) -> None:
    from workers.hands import open_hands
    from workers.withdraw import withdraw

    configure_logging("withdraw")
    own = open_hands(settings)
    try:
        taken_back = withdraw(own, UUID(submission))
    finally:
        own.engine.dispose()
    say(_RECALLED.format(taken_back) if taken_back else _NONE_OPEN)


_RECALLED = "open referrals taken back: {}; a service that had been told of one is told so"
_NONE_OPEN = "no referral was open: nothing is taken back, and nobody is told"
_WITHDRAW = "withdraw"
_ROLES = {(): _work, ("clock",): _keep_time}
"""What to be, by the words after `python -m workers`. Each imports only what it needs."""


def main(words: tuple[str, ...]) -> int:
    """Be a worker or the clock until a stop signal comes. Returns the exit status."""
    role = _ROLES.get(words)
    if len(words) == 2 and words[0] == _WITHDRAW:
        role = partial(_withdraw, submission=words[1])
    if role is None:
        say("error: use `python -m workers` or `python -m workers clock`")
        return MISCONFIGURED
    forbid_core_dumps()
    try:
        with servers(read_settings()) as settings:
            role(settings)
    except PimError as error:
        say(f"error: {error}")
        return MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
