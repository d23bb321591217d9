"""Is it alive, is it ready, and how much is there: for load balancers and Prometheus. Counts only."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pimcollect.db import is_migrated
from pimcollect.doorbell import QUEUES, Bell
from pimcollect.tables.journal import find_beats
from pimcollect.tables.marks import count_entries, count_refusals
from pimcollect.tables.referrals import count_notices, count_referrals
from pimcollect.tables.submissions import count_submissions, sum_findings
from pimcollect.vault import make_metrics_token
from pimcollect.web.store import reading

blueprint = Blueprint("health", __name__)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
_NEAR = ("127.0.0.1", "::1")


@blueprint.get("/healthz")
def tell_health() -> Response:
    """The process lives."""
    return jsonify({"alive": True})


@blueprint.get("/readyz")
def tell_readiness() -> Response:
    """200 when the database answers and its tables are the newest, else 503 with which of the two is missing."""
    try:
        missing = None if is_migrated(reading()) else "migrations"
    except SQLAlchemyError:
        missing = "database"
    answer = jsonify({"ready": missing is None, "missing": missing})
    answer.status_code = 200 if missing is None else 503
    return answer


class _Counts(Collector):
    """Reads the counts when Prometheus asks, so that all web processes tell the same."""

    def __init__(self, session: Session, bell: Bell) -> None:
        self._session = session
        self._bell = bell

    def collect(self) -> Iterator[Metric]:
        """Gauges by state, never by id, form, place or value."""
        entries = GaugeMetricFamily("pim_entries", "Deliveries by state.", labels=["state", "reason"])
        totals: dict[tuple[str, str], int] = {}
        for (state, reason), n in count_entries(self._session).items():
            key = (state, reason or "" if state == "held" else "")
            totals[key] = totals.get(key, 0) + n
        for (state, reason), n in sorted(totals.items()):
            entries.add_metric([state, reason], n)
        yield entries
        submissions = GaugeMetricFamily("pim_submissions", "Submissions by state.", labels=["state"])
        kept: dict[str, int] = {}
        for row in count_submissions(self._session):
            kept[row["state"]] = kept.get(row["state"], 0) + row["n"]
        for state, n in sorted(kept.items()):
            submissions.add_metric([state], n)
        yield submissions
        unused = GaugeMetricFamily("pim_findings", "Answers that could not be used, by reason.", labels=["reason"])
        for reason, n in sorted(sum_findings(self._session).items()):
            unused.add_metric([reason], n)
        yield unused
        referrals = GaugeMetricFamily("pim_referrals", "Referrals by state.", labels=["state"])
        moved: dict[str, int] = {}
        for row in count_referrals(self._session):
            moved[row["state"]] = moved.get(row["state"], 0) + row["n"]
        for state, n in sorted(moved.items()):
            referrals.add_metric([state], n)
        yield referrals
        notices = GaugeMetricFamily("pim_notices", "Notices by state.", labels=["state"])
        for state, n in sorted(count_notices(self._session).items()):
            notices.add_metric([state], n)
        yield notices
        refusals = CounterMetricFamily("pim_refusals", "Calls of hooks and phones refused.", labels=["door", "reason"])
        for (door, reason), n in count_refusals(self._session).items():
            refusals.add_metric([door, reason], n)
        yield refusals
        yield from self._collect_machinery()

    def _collect_machinery(self) -> Iterator[Metric]:
        depths = GaugeMetricFamily("pim_queue_depth", "Jobs waiting; absent when Redis is away.", labels=["queue"])
        for queue in QUEUES:
            depth = self._bell.depth(queue)
            if depth is not None:
                depths.add_metric([queue], depth)
        yield depths
        beats = GaugeMetricFamily("pim_last_beat_seconds", "When a process was last alive.", labels=["process"])
        for name, at in sorted(find_beats(self._session).items()):
            beats.add_metric([name], at.timestamp())
        yield beats


def _may_count() -> bool:
    """From this machine itself, or with the token of `pimcollect keys metrics`.

    Small counts over time tell an outsider when something urgent came in. Where the address is https a proxy stands in
    front, and everybody seems to come from this machine: then only the token counts.
    """
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if hmac.compare_digest(offered.encode(), make_metrics_token(current_app.extensions["door"].keys).encode()):
        return True
    is_direct = request.remote_addr in _NEAR and not any(name in request.headers for name in _FORWARDED)
    return is_direct and not current_app.config["PUBLIC_URL"].startswith("https://")


@blueprint.get("/metrics")
def tell_metrics() -> Response:
    """Prometheus text; 401 for whoever may not count, with how to."""
    if not _may_count():
        how = "Send the token that `pimcollect keys metrics` prints on the server: Authorization: Bearer TOKEN\n"
        return Response(
            how, 401, {"WWW-Authenticate": 'Bearer realm="metrics"'}, content_type="text/plain; charset=utf-8"
        )
    registry = CollectorRegistry()
    registry.register(_Counts(reading(), current_app.extensions["bell"]))
    return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")
