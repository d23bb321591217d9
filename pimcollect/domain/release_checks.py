"""What forbids a release: no purpose or consent, nobody to answer a flag, words nobody approved, broken expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import date

from pimcollect.domain.expressions import Expression, find_broken
from pimcollect.domain.outcomes import Directory
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import Version

OWN_NAMES = ("pim_form_id", "pim_catalogue_version")
"""By these a submission names its form and version where the server replaces both by its own."""
_MOST_TOLD = 10
KOBO, PHONES = "kobo", "phones"
"""Kinds of servers that have rules of their own; phones that fetch from us are one."""


def find_obstacles(
    version: Version,
    *,
    server: str,
    paths: Collection[str],
    directory: Directory,
    on: date,
    is_field_test: bool,
    expressions: Sequence[Expression] = (),
) -> tuple[str, ...]:
    """Every reason against releasing this version to this kind of server, each a sentence. Empty: it may go out.

    `paths` are those of all groups and questions of the XForm below its root, `expressions` all of its expressions.
    """
    return (
        *_check_origin(version, server=server),
        *_check_consent(version),
        *_check_purpose(version, is_field_test=is_field_test),
        *_check_wording(version, is_field_test=is_field_test),
        *_check_pathways(version, directory, on=on),
        *_check_names(paths, server=server),
        *_check_expressions(expressions, paths),
    )


def _check_origin(version: Version, *, server: str) -> Iterator[str]:
    if version.origin == "adopted" and server != PHONES:
        yield phrase("It was adopted: publish it where it was made, and open a hook or a connection for it.")


def _check_consent(version: Version) -> Iterator[str]:
    if not version.consent.keep:
        yield phrase("It has no question for consent: nothing that it collects could be kept.")


def _check_purpose(version: Version, *, is_field_test: bool) -> Iterator[str]:
    if version.origin == "bank" and not version.purpose and not is_field_test:
        yield phrase("It says of no purpose: write one into the bank for its tool, and build it again.")


def _check_wording(version: Version, *, is_field_test: bool) -> Iterator[str]:
    if version.drafted and not is_field_test:
        yield phrase("Nobody has approved its machine-drafted wording: %(languages)s.", languages=version.drafted)


def _check_pathways(version: Version, directory: Directory, *, on: date) -> Iterator[str]:
    asked = version.requests.pathways.values() if version.requests else ()
    raised = {rule.pathway for rule in version.flags} | set(asked)
    areas = _find_areas(version, directory)
    nowhere = []
    for pathway in sorted(raised):
        places = set(_find_served(pathway, directory, on=on))
        lost = sorted(area for area in areas if not _is_served(area, places, directory))
        if not places:
            nowhere.append(pathway)
        elif lost and None not in places:
            yield phrase("Nobody takes what it may find on %(pathway)s in %(areas)s.", pathway=pathway, areas=lost)
    if nowhere:
        yield phrase("Nobody takes what it may find: no working service on %(pathways)s.", pathways=nowhere)


def _find_areas(version: Version, directory: Directory) -> set[str]:
    """First-level areas that the form asks about; those of the directory when it offers none of them."""
    known = {code for code, place in directory.places.items() if place.level == 1}
    lists = {question.key: question.choices for question in version.questions}
    offered = {choice.code for key in version.profile.places for choice in version.choices.get(lists.get(key, ""), ())}
    return known & offered or known


def _find_served(pathway: str, directory: Directory, *, on: date) -> Iterator[str | None]:
    """Places in which a working service takes this pathway; None is everywhere."""
    for rule in directory.rules_by_pathway.get(pathway, ()):
        service = directory.services.get(rule.service)
        if service is not None and not service.is_suspended and (service.valid_until or on) >= on:
            yield rule.place


def _is_served(area: str, places: Collection[str | None], directory: Directory) -> bool:
    """Whether one of the places is the area, holds it, or lies in it."""
    above = set(_climb(area, directory))
    return any(place in above or area in _climb(place, directory) for place in places if place is not None)


def _climb(code: str, directory: Directory) -> list[str]:
    """The place and all that hold it."""
    found = [code]
    while (place := directory.places.get(found[-1])) is not None and place.parent and place.parent not in found:
        found.append(place.parent)
    return found


def _check_names(paths: Collection[str], *, server: str) -> Iterator[str]:
    if server != KOBO:
        return
    names = Counter(path.rpartition("/")[2] for path in set(paths))
    twice = sorted(name for name, number in names.items() if number > 1)
    if twice:
        yield phrase("KoboToolbox takes a name only once in a form; given twice: %(names)s.", names=twice[:10])
    lacking = [name for name in OWN_NAMES if name not in names]
    if lacking:
        yield phrase(
            "It lacks the calculations %(names)s: KoboToolbox replaces a form's own id and version, so its submissions "
            "could not be told from those of another version.",
            names=lacking,
        )


def _check_expressions(expressions: Sequence[Expression], paths: Collection[str]) -> Iterator[str]:
    """A telephone would not open the form, or would stop in the middle of an interview."""
    broken = list(dict.fromkeys(find_broken(expressions, paths)))
    for path, words in broken[:_MOST_TOLD]:
        yield phrase("It would break on the phone at %(path)s: %(words)s.", path=path, words=words)
    if len(broken) > _MOST_TOLD:
        yield phrase("And %(number)s more.", number=len(broken) - _MOST_TOLD)
