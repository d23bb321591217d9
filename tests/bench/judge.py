"""Compares what was acknowledged with what is stored, after a chaos run: every set, and every count."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pimcollect.vault import keyed_digest, read_hands_keys
from tests.bench.bodies import CANARIES, TOMBSTONE, Sent
from tests.contracts.canaries import Scanner
from tests.journeys.search import search_station
from tests.journeys.station import Station

_CLOSED = "SELECT state, reason, body IS NULL, count(*) FROM entries GROUP BY 1, 2, 3"
_SUBMISSIONS = "SELECT form, root_id, state FROM submissions"
_REFERRALS = "SELECT origin, course FROM referrals"
_NOTICES = "SELECT r.origin, n.kind, n.edition FROM notices n JOIN referrals r ON r.id = n.referral"
_MOVES = "SELECT r.origin FROM referral_moves m JOIN referrals r ON r.id = m.referral WHERE m.was IS NULL"
_TALLIES = "SELECT kind, form, detail, sum(n) FROM tallies GROUP BY 1, 2, 3"
_MOST_SHOWN = 5


@dataclass
class Verdict:
    """What was found: how many of each kind of fault, and the first ones in words."""

    lost: int = 0
    duplicated: int = 0
    canaries: int = 0
    others: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True when there is nothing to complain of."""
        return not (self.lost or self.duplicated or self.canaries or self.others)

    def complain(self, what: str) -> None:
        """Note one more fault of another kind."""
        self.others.append(what)


def judge(station: Station, acknowledged: Mapping[str, Sent]) -> Verdict:
    """Compare all sets. The origin of a referral is worked out with the workers' key, so each pair is checked."""
    verdict = Verdict()
    _judge_entries(station, verdict, count=len(acknowledged))
    _judge_submissions(station, verdict, acknowledged)
    _judge_referrals(station, verdict, acknowledged)
    _judge_tallies(station, verdict, acknowledged)
    return verdict


def _judge_entries(station: Station, verdict: Verdict, *, count: int) -> None:
    found = 0
    for state, reason, is_shredded, number in station.query(_CLOSED):
        found += number
        if state != "settled" or not is_shredded:
            verdict.complain(f"{number} entries are {state} ({reason}), shredded: {is_shredded}")
    if found != count:
        verdict.complain(f"{found} entries for {count} acknowledged deliveries")


def _judge_submissions(station: Station, verdict: Verdict, acknowledged: Mapping[str, Sent]) -> None:
    stored: dict[tuple[str, str], list[str]] = {}
    for form, root_id, state in station.query(_SUBMISSIONS):
        stored.setdefault((form, root_id), []).append(state)
    for sent in acknowledged.values():
        states = stored.pop((sent.form, sent.root_id), [])
        verdict.lost += not states
        verdict.duplicated += len(states) > 1
        if states and states[0] != sent.state:
            verdict.complain(f"{sent.root_id} is {states[0]}, not {sent.state}")
    if stored:
        verdict.complain(f"{len(stored)} submissions that nobody has an acknowledgement for")


def _judge_referrals(station: Station, verdict: Verdict, acknowledged: Mapping[str, Sent]) -> None:
    key = read_hands_keys(station.home / "keys" / "hands.json").origin
    expected = {
        keyed_digest(key, "origin", sent.form, unicodedata.normalize("NFC", sent.root_id), pathway)
        for sent in acknowledged.values()
        for pathway in sent.pathways
    }
    for what, found in (
        ("referral", Counter(origin for origin, _ in station.query(_REFERRALS))),
        ("first move", Counter(origin for (origin,) in station.query(_MOVES))),
        ("notice", Counter(origin for origin, _, _ in station.query(_NOTICES))),
    ):
        verdict.lost += len(expected - set(found))
        verdict.duplicated += sum(number > 1 for number in found.values())
        if missing := len(expected - set(found)):
            verdict.complain(f"{missing} of {len(expected)} times there is no {what}")
        if odd := len(set(found) - expected):
            verdict.complain(f"{odd} times there is a {what} that nobody asked for")
    if strange := [row for row in station.query(_NOTICES) if row[1:] != ("new", 1)]:
        verdict.complain(f"{len(strange)} notices are not the first of their kind")


def _judge_tallies(station: Station, verdict: Verdict, acknowledged: Mapping[str, Sent]) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for sent in acknowledged.values():
        if sent.state == TOMBSTONE:
            expected["refused", sent.form, ""] += 1
        for pathway in sent.counted:
            expected["unreferred", sent.form, pathway] += 1
    found = {(kind, form, detail): int(n) for kind, form, detail, n in station.query(_TALLIES) if n}
    if found != dict(expected):
        verdict.complain(f"counted {found}, expected {dict(expected)}")


def look_for_canaries(station: Station, *, mails: Sequence[bytes], verdict: Verdict) -> None:
    """Search tables, files, queue, logs and mails; and prove with a planted value that the search sees."""
    said = {f"mail {number}": mail for number, mail in enumerate(mails)}
    found = search_station(station, CANARIES, said=said)
    verdict.canaries = len(found.hits)
    for place in found.places[:_MOST_SHOWN]:
        verdict.complain(f"a personal value in {place}")
    planted = station.home / "planted"
    planted.write_text(f"... {CANARIES[0]} ...")
    if not Scanner(CANARIES[:1]).scan_tree(station.home):
        verdict.complain("the search did not find a planted value")
    planted.unlink()
