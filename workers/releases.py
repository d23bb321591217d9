"""Bring versions onto servers, one call at a time, and look later whether they are still there.

No call is made inside a transaction. Before each one it is written down what was learnt and what comes next; a worker
that dies leaves a lease behind, and whoever goes on looks at the server first. See docs/decisions/0019.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from types import ModuleType
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError

from pimcollect.db import transaction
from pimcollect.domain.drift import FORM_CLOSED, FORM_GONE, Finding, find_drift, plan_look
from pimcollect.domain.release_words import MOST_HOURS
from pimcollect.domain.releases import FILE_STEPS, LOOKS, Order, State, Step, Stop, forget, note_file, plan_next
from pimcollect.doorbell import RELEASES
from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import open_log
from pimcollect.servers import central_forms, kobo_forms, ona_forms
from pimcollect.servers.answers import ServerError
from pimcollect.servers.http import Client
from pimcollect.servers.login import log_in
from pimcollect.servers.publishing import hide_secrets
from pimcollect.tables.journal import beat, write_journal
from pimcollect.tables.releases import let_release
from workers.app_users import answer_app_users
from workers.hands import Hands, hands
from workers.publishing import Run, Unopened, let_go, read_file, take_run, write_down

PUBLISHERS: dict[str, ModuleType] = {"kobo": kobo_forms, "central": central_forms, "ona": ona_forms}
CHECK_SECONDS = 24 * 3600.0
"""A server that holds a release is looked at again after this long."""
_RUN_SECONDS = 240.0
"""A run ends before the queue would end it, and rings for the rest."""
_MOST_SAME, _MOST_PAGES = 3, 200
"""The same act so many times without effect, or so many pages without our form: something is wrong there."""
_FIRST_SECONDS, _LONGEST_SECONDS = 15.0, 900.0
"""The first pause is long enough for a server to finish what it was doing when it did not answer."""
_POLLS = (1.0, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 8.0)
_UPLOAD_SECONDS = 10.0
"""Until an upload that takes long is looked at again."""
_MOST_ODD = 4
"""So many answers in a row that cannot be used are no passing trouble."""
_log = open_log("releases")


def publish(release: str) -> None:
    """The job. `release` is the id that was rung for; whatever else is due is gone on with too."""
    UUID(release)
    publish_due(hands())


def publish_due(own: Hands) -> int:
    """Go on with all releases that are due. Returns how many runs were made."""
    own.bell.quiet(RELEASES)
    with transaction(own.sessions) as session:
        beat(session, RELEASES)
    answer_app_users(own)  # somebody sits and waits for these
    until, runs = time.monotonic() + _RUN_SECONDS, 0
    while (run := take_run(own)) is not None:
        runs += 1
        if isinstance(run, Run):
            _run_safely(own, run, until=until)
        else:
            _record_stop(own, run, run.stop)
        if time.monotonic() > until:
            own.bell.ring_release(run.release)
            break
    return runs


def _run_safely(own: Hands, run: Run, *, until: float) -> None:
    """One run; whatever happens is written down, so that no release stands in the way of the others."""
    try:
        client = log_in(
            run.server, run.base, run.token, private_hosts=own.settings.private_hosts, ca_file=own.settings.ca_file
        )
        with closing(client):
            (_check if run.is_check else _release)(own, run, client, until=until)
    except Stop as stop:
        _record_stop(own, run, stop)
    except ServerError as error:
        _record_trouble(own, run, error)
    except PimError as error:
        _record_stop(own, run, Stop(error.code.value))
    except SQLAlchemyError:
        raise  # then nothing can be written down either: the lease ends, and somebody goes on
    except Exception as error:  # an error of ours is told by the release, not to the queue
        _log.error("release_failed", release=run.release, error=type(error).__name__)
        _record_failing(own, run)


def _release(own: Hands, run: Run, client: Client, *, until: float) -> None:
    """Step after step, until all of it is there. Raises Stop and ServerError."""
    publisher = PUBLISHERS[run.server]
    made: Counter[Order] = Counter()
    while (order := plan_next(run.job.wanted, run.seen, publisher.WAYS)).step is not Step.DONE:
        made[order] += 1
        _refuse_circles(order, made)
        if order.step is Step.AWAIT_UPLOAD and made[order] > 1 and not _wait(made[order], until=until):
            let_go(own, run, seconds=_UPLOAD_SECONDS)
            return
        if not _step(own, run, client, order):
            return
        if time.monotonic() > until:
            let_go(own, run, seconds=0.0)
            return
    _record_done(own, run)


def _refuse_circles(order: Order, made: Counter[Order]) -> None:
    """An act that has no effect, or a list without an end. A look is made again only after an act."""
    acts = sum(number for one, number in made.items() if one.step not in LOOKS)
    most = _MOST_SAME if order.step not in LOOKS else _MOST_SAME + acts
    is_endless = order.step is Step.LOOK_FORM and len(made) > _MOST_PAGES + acts
    if order.step is not Step.AWAIT_UPLOAD and (made[order] > most or is_endless):
        raise Stop("no_effect")


def _wait(polls: int, *, until: float) -> bool:
    """Wait a little for an upload. False when it has been long enough for one run."""
    if polls - 2 >= len(_POLLS) or time.monotonic() > until:
        return False
    time.sleep(_POLLS[polls - 2])
    return True


def _step(own: Hands, run: Run, client: Client, order: Order) -> bool:
    """One call. What an act may change is forgotten before it is made. False when somebody else took over."""
    publisher = PUBLISHERS[run.server]
    file = read_file(own, run, order.about) if order.step is Step.PUT_FILE else None
    request = publisher.ask(order, run.job, run.seen, file)
    if order.step in FILE_STEPS:
        run.seen = replace(run.seen, is_touched=True)
    if not write_down(own, run, order.step):
        return False
    run.seen = forget(run.seen, order.step)
    answer = client.call(request.method, request.path, accept=request.accept, **request.parts)
    run.seen = publisher.learn(order, run.job, run.seen, answer)
    if order.step in FILE_STEPS:
        run.seen = note_file(run.seen, order, run.job.wanted)
    return True


def _record_done(own: Hands, run: Run) -> None:
    original = run.seen.form.live if run.seen.form else None
    if original is None:
        raise Stop("no_effect")
    with transaction(own.sessions) as session:
        is_ours = let_release(
            session,
            run.release,
            holder=run.holder,
            seconds=CHECK_SECONDS,
            state=State.DONE.value,
            done_at=func.clock_timestamp(),
            step=Step.DONE.value,
            original={"version": original.version, "digest": original.digest, "id": original.id},
            reason=None,
            words=None,
            trial=None,
            upload=None,
            is_touched=False,
            attempts=0,
        )
        if is_ours:
            write_journal(session, actor="workers", action="publish", noun="releases", noun_id=str(run.release))


def _record_stop(own: Hands, run: Run | Unopened, stop: Stop) -> None:
    """It does not go on by itself; the words of the server are kept without our secrets in them."""
    if run.is_check:
        codes = {"form_gone": FORM_GONE, "form_closed": FORM_CLOSED}
        finding = Finding(codes[stop.reason]) if stop.reason in codes else Finding("look_failed", stop.reason)
        _record_findings(own, run, (finding,))
        return
    secrets = (run.token.secret, run.token.user, run.job.secret) if isinstance(run, Run) else ()
    words = hide_secrets(stop.words, secrets)
    let_go(own, run, state=State.STOPPED.value, reason=stop.reason, words=words or None)
    _log.warning("release_stopped", release=run.release, reason=stop.reason)


def _record_trouble(own: Hands, run: Run, error: ServerError) -> None:
    """Trouble that may pass is tried again, later and later; all else waits for somebody."""
    is_odd = error.code in (ErrorCode.BAD_ANSWER, ErrorCode.TOO_LARGE)
    is_passing = error.code is ErrorCode.AWAY or (is_odd and run.attempts < _MOST_ODD)
    if run.is_check and is_passing:
        let_go(own, run, seconds=choose_pause(run.attempts + 1), attempts=run.attempts + 1)
    elif not is_passing:
        _record_stop(own, run, Stop(error.reason))
    elif run.hours > MOST_HOURS:
        _record_stop(own, run, Stop("given_up"))
    else:
        pause = max(choose_pause(run.attempts + 1), error.wait or 0.0)
        let_go(own, run, seconds=pause, attempts=run.attempts + 1, reason=error.reason, words=None)
        _log.warning("release_waits", release=run.release, reason=error.reason, attempts=run.attempts + 1)


def _record_failing(own: Hands, run: Run) -> None:
    """A mistake of ours: it waits longer and longer, and stands in nobody's way."""
    if run.hours > MOST_HOURS and not run.is_check:
        _record_stop(own, run, Stop("failing"))
        return
    reason = {} if run.is_check else {"reason": "failing"}
    let_go(own, run, seconds=choose_pause(run.attempts + 1), attempts=run.attempts + 1, **reason)


def choose_pause(attempts: int) -> float:
    """Seconds until the next attempt: doubling, with jitter."""
    pause = _FIRST_SECONDS * 2.0 ** min(attempts - 1, 10)
    return min(pause, _LONGEST_SECONDS) * random.uniform(1.0, 1.25)  # noqa: S311 - not a secret


def _check(own: Hands, run: Run, client: Client, *, until: float) -> None:
    """Look whether the server still holds what was released, and nothing beside it. Changes nothing there."""
    publisher = PUBLISHERS[run.server]
    made: Counter[Order] = Counter()
    while (order := plan_look(run.seen, publisher.WAYS)).step is not Step.DONE:
        made[order] += 1
        _refuse_circles(order, made)
        if not _step(own, run, client, order):
            return
        if time.monotonic() > until:
            let_go(own, run, seconds=0.0)
            return
    if run.original is not None:
        _record_findings(own, run, find_drift(run.job.wanted, run.seen, run.original))


def _record_findings(own: Hands, run: Run | Unopened, findings: tuple[Finding, ...]) -> None:
    """Kept for the pages and the list; what is newly found stands in the journal."""
    told = [[one.code, one.about] for one in findings]
    with transaction(own.sessions) as session:
        is_ours = let_release(
            session,
            run.release,
            holder=run.holder,
            seconds=CHECK_SECONDS,
            found={"findings": told},
            checked_at=func.clock_timestamp(),
            attempts=0,
        )
        if is_ours and told and (isinstance(run, Unopened) or told != run.was_found):
            write_journal(session, actor="workers", action="drift", noun="releases", noun_id=str(run.release))
    if told:
        _log.warning("release_differs", release=run.release, count=len(told))
