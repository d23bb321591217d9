"""The package: the minimum that a referral may tell, which is what the person said may be told, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pimcollect.domain.answers import Answers, last_name
from pimcollect.domain.consent import has_consent
from pimcollect.domain.leaves import MEDIA_TYPES
from pimcollect.domain.version import Version
from pimcollect.errors import ErrorCode, PimError

_AS_TOLD = frozenset({"vault", "restrict", "keep", "derive"})
"""Treatments whose answers a package carries as they were told; of all others it carries the treated ones."""

PICTURES = "#pictures"
"""Under this name an opened case carries its pictures: no question can be called so."""


class Packer:
    """What each code of the scope question releases; made once for a version.

    Raises PimError(BAD_FORM) when a code releases a question that the form does not have, or one that is dropped.
    """

    __slots__ = ("_as_told", "_by_scope", "_media", "_pictures", "_requests", "_scope")

    def __init__(self, version: Version) -> None:
        self._requests = version.requests
        self._scope = version.referral.scope if version.referral is not None else ""
        self._by_scope = dict(version.referral.by_scope) if version.referral is not None else {}
        treatments = {question.key: question.treatment.kind for question in version.questions if not question.repeat}
        repeats = {last_name(path) for path in version.repeats}
        for code, names in self._by_scope.items():
            for name in names:
                if name not in repeats and treatments.get(name, "drop") == "drop":
                    raise PimError(
                        ErrorCode.BAD_FORM,
                        f"In form {version.form} the scope {code} releases {name}, which is not kept at all.",
                        remedy="Take it out of the scope, or give the field another treatment.",
                    )
        self._as_told = frozenset(name for name, kind in treatments.items() if kind in _AS_TOLD)
        self._media = version.consent.media
        self._pictures = frozenset(question.key for question in version.questions if question.type in MEDIA_TYPES)

    def pack(self, answers: Answers, shared: Mapping[str, Any], *, pathway: str) -> dict[str, Any]:
        """The package for one pathway: question -> answer, only for the scopes that were chosen.

        Contact details and other sealed answers go as they were told; areas, ages and dates as coarse as they are
        shared. Of the help that was asked for only what belongs to this pathway: a receiver is not told of others.
        """
        package: dict[str, Any] = {}
        for name in self._list_released(answers):
            if name not in self._pictures:
                value = answers.get(name) if name in self._as_told else shared.get(name)
                if self._requests is not None and name == self._requests.services:
                    value = self._own_requests(value, pathway)
                if value is not None and value != ():
                    package[name] = value
        return package

    def pick_pictures(self, answers: Answers) -> dict[str, str]:
        """Question -> file name of the pictures that the person lets us keep and tell: both are needed."""
        if not has_consent(answers, self._media):
            return {}
        released = (name for name in self._list_released(answers) if name in self._pictures and name in answers)
        return {name: str(answers[name]) for name in released}

    def _list_released(self, answers: Answers) -> Iterator[str]:
        """The questions that the chosen scopes release."""
        chosen = answers.get(self._scope, ()) if self._scope else ()
        for scope in (chosen,) if isinstance(chosen, str) else chosen:
            yield from self._by_scope.get(scope, ())

    def _own_requests(self, asked: Any, pathway: str) -> tuple[str, ...]:
        targets = self._requests.pathways if self._requests is not None else {}
        codes = (asked,) if isinstance(asked, str) else asked or ()
        return tuple(code for code in codes if targets.get(code) == pathway)
