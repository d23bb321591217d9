"""`python -m workers`: a working process for each queue. `python -m workers clock`: what the clock has to do."""

from __future__ import annotations

import os
import sys

from pimcollect.config import Settings, read_settings
from pimcollect.embedded import servers
from pimcollect.errors import PimError
from pimcollect.launch import forbid_core_dumps
from pimcollect.log import configure_logging
from pimcollect.supervision import MISCONFIGURED, say
from pimcollect.vault import read_hands_keys


def _run(arguments: list[str]) -> None:
    forbid_core_dumps()
    with servers(read_settings()) as settings:
        # without the private keys nothing can be settled: say so now, not at the first job
        read_hands_keys(settings.hands_keys)
        _publish(settings)
        if arguments == ["clock"]:
            from workers.sweep import run_clock

            configure_logging("clock")
            run_clock(settings)
        elif not arguments:
            from workers.processes import keep_working

            configure_logging("workers")
            keep_working(settings)
        else:
            say("error: use `python -m workers` or `python -m workers clock`")
            sys.exit(MISCONFIGURED)


def _publish(settings: Settings) -> None:
    """Jobs read the environment: tell them where the embedded servers are."""
    os.environ["DATABASE_URL"] = settings.database_url
    os.environ["REDIS_URL"] = settings.redis_url


if __name__ == "__main__":
    try:
        _run(sys.argv[1:])
    except PimError as error:
        say(f"error: {error}")
        sys.exit(MISCONFIGURED)
