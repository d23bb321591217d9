"""The working processes: one child for each queue, each a simple worker that runs its jobs itself, one after another.

The queue library is a doorbell here. It is kept from writing down what a job was called with, what it returned and
what its error said.
"""

from __future__ import annotations

import resource
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from pimcollect.config import Settings
from pimcollect.doorbell import JOBS, QUEUES
from pimcollect.log import configure_logging, open_log
from pimcollect.supervision import keep_forked

_log = open_log("workers")
_JOBS_IN_A_LIFE = 5000
"""After as many jobs a child makes room for a fresh one, so that a slow leak never grows old."""
_WORKER_TTL = 60
"""Seconds; the library waits 15 less for a ring, so an answer that takes longer than this is none."""
_KNOCK_SECONDS = 0.5


class QuietWorker(SimpleWorker):
    """A simple worker that writes no call, no result and no error text anywhere, and comes back soon."""

    max_connection_wait_time = 1.0
    log_result_lifespan = False
    log_job_description = False

    def subscribe(self) -> None:
        """No commands over the queue: whoever can write to it may ring, not rule."""

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log the class of the error; the library would log its text and the call."""
        _log.error("job_failed", queue=job.origin, job=job.id, error=exc_info[0].__name__)

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = ""
    ) -> None:
        """Keep the class of the error with the job; the library would keep the whole traceback in Redis."""
        kind = sys.exc_info()[0]
        super().handle_job_failure(job, queue, started_job_registry, kind.__name__ if kind else "")


def open_worker(queue: str, connection: Redis) -> QuietWorker:
    """A worker for one queue: with two in one worker a job can be lost in a kill."""
    return QuietWorker(
        [queue],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=_WORKER_TTL,
        default_result_ttl=0,
        log_job_description=False,
    )


def bound_memory(most: int) -> None:
    """Refuse this process, and what it starts, more address space than that: what asks for it raises MemoryError.

    Without it one body could take the memory of the whole machine. macOS does not hold to it.
    """
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def work_queue(queue: str, settings: Settings) -> None:
    """Work until told to stop, or until it is time for a fresh process. Waits for a Redis that is away."""
    configure_logging(f"worker.{queue}")
    bound_memory(settings.worker_bytes)
    connection = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=_WORKER_TTL, protocol=2)
    while not _answers(connection):
        time.sleep(_KNOCK_SECONDS)
    open_worker(queue, connection).work(logging_level="ERROR", max_jobs=_JOBS_IN_A_LIFE)


def _answers(connection: Redis) -> bool:
    try:
        return bool(connection.ping())
    except RedisError:
        return False


def keep_working(settings: Settings) -> None:
    """Keep one child for each queue alive until a stop signal comes. Forked after the jobs have been imported."""
    for module in [*(path.rpartition(".")[0] for path in JOBS.values()), "psycopg"]:
        import_module(module)
    keep_forked({f"worker {queue}": partial(work_queue, queue, settings) for queue in QUEUES})
