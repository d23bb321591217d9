"""Flags: the rules of a version on the full answers, and the help that the person asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from pimcollect.domain.answers import Answers
from pimcollect.domain.clocks import URGENCIES, more_urgent
from pimcollect.domain.conditions import Test, compile_condition, names_used
from pimcollect.domain.shapes import shape_form
from pimcollect.domain.version import Version
from pimcollect.errors import ErrorCode, PimError


@dataclass(slots=True)
class Raised:
    """One pathway that something raised: the highest urgency, and by what."""

    pathway: str
    urgency: str
    by: list[str] = field(default_factory=list)


class FlagRules:
    """The compiled rules of a version. Raises PimError when a rule or the request map does not fit the form."""

    __slots__ = ("_requests", "_rules", "_urgencies")

    def __init__(self, version: Version) -> None:
        shape = shape_form(version)
        rules: list[tuple[frozenset[str], Test, str, str, str]] = []
        for rule in version.flags:
            _check_target(version, f"Rule {rule.id}", rule.pathway, rule.urgency)
            try:
                test = compile_condition(rule.expression, shape)
            except PimError as error:
                raise PimError(error.code, f"Rule {rule.id}: {error.message}", remedy=error.remedy) from None
            names = frozenset(name for name in names_used(rule.expression) if "/" not in name)
            rules.append((names, test, rule.pathway, rule.urgency, rule.id))
        self._rules = tuple(rules)
        self._requests = version.requests
        self._urgencies = {code: pathway.urgency for code, pathway in version.pathways.items()}
        if version.requests is not None:
            for service, pathway in version.requests.pathways.items():
                _check_target(version, f"Request {service}", pathway, "R")

    def raise_flags(self, answers: Answers, findings: dict[str, int]) -> dict[str, Raised]:
        """Pathway -> what was raised, at most one for each, sorted by pathway.

        `answers` are those of the open parts. What was asked for counts only when help was wanted, with the urgency of
        the pathway it leads to; a request that no pathway serves is counted in `findings`.
        """
        raised: dict[str, Raised] = {}
        for names, test, pathway, urgency, rule in self._rules:
            if not names.isdisjoint(answers) and test(answers):  # nothing known of it: nothing to test
                _raise(raised, pathway, urgency, rule)
        requests = self._requests
        if requests is not None and answers.get(requests.want) == "yes":
            wanted = answers.get(requests.services, ())
            for service in (wanted,) if isinstance(wanted, str) else wanted:
                target = requests.pathways.get(service)
                if target is not None:
                    _raise(raised, target, self._urgencies[target], f"request:{service}")
                elif service not in {"dk", "pns", "none"}:
                    finding = f"{requests.services} request_other"
                    findings[finding] = findings.get(finding, 0) + 1
        return dict(sorted(raised.items()))


def _raise(raised: dict[str, Raised], pathway: str, urgency: str, by: str) -> None:
    flag = raised.setdefault(pathway, Raised(pathway, urgency))
    flag.urgency = more_urgent(flag.urgency, urgency)
    flag.by.append(by)


def _check_target(version: Version, what: str, pathway: str, urgency: str) -> None:
    if pathway not in version.pathways:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"{what} of form {version.form} leads to the pathway {pathway}, which the form does not have.",
            remedy="Add the pathway, or take the rule out.",
        )
    if urgency not in URGENCIES or version.pathways[pathway].urgency not in URGENCIES:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"{what} of form {version.form} has an urgency that is not U, H or R.",
            remedy="Use U (24 hours), H (72 hours) or R (14 days).",
        )
