"""What forbids a release: nobody asked for consent, nobody would answer a flag, nobody approved the wording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date

from pimcollect.domain.outcomes import Directory
from pimcollect.domain.version import Version

OWN_NAMES = ("pim_form_id", "pim_catalogue_version")
"""By these a submission names its form and version where the server replaces both by its own."""
KOBO = "kobo"


def find_obstacles(
    version: Version, *, server: str, paths: Collection[str], directory: Directory, on: date, is_field_test: bool
) -> tuple[str, ...]:
    """Every reason against releasing this version to this kind of server, each a sentence. Empty: it may go out.

    `paths` are those of all groups and questions of the XForm below its root.
    """
    return (
        *_check_origin(version),
        *_check_consent(version),
        *_check_wording(version, is_field_test=is_field_test),
        *_check_pathways(version, directory, on=on),
        *_check_names(paths, server=server),
    )


def _check_origin(version: Version) -> Iterator[str]:
    if version.origin == "adopted":
        yield "It was adopted: publish it where it was made, and open a hook or a connection for it."


def _check_consent(version: Version) -> Iterator[str]:
    if not version.consent.keep:
        yield "It has no question for consent: nothing that it collects could be kept."


def _check_wording(version: Version, *, is_field_test: bool) -> Iterator[str]:
    if version.drafted and not is_field_test:
        yield f"Nobody has approved its machine-drafted wording: {', '.join(version.drafted)}."


def _check_pathways(version: Version, directory: Directory, *, on: date) -> Iterator[str]:
    asked = version.requests.pathways.values() if version.requests else ()
    raised = {rule.pathway for rule in version.flags} | set(asked)
    areas = _find_areas(version, directory)
    for pathway in sorted(raised):
        served = set(_find_served(pathway, directory, on=on))
        lost = [] if None in served else sorted(areas - served)
        if not served:
            yield f"Nobody takes what is found on the pathway {pathway}: it has no working service."
        elif lost:
            yield f"Nobody takes what is found on the pathway {pathway} in {', '.join(lost)}."


def _find_areas(version: Version, directory: Directory) -> set[str]:
    """First-level areas that the form asks about; those of the directory when it offers none of them."""
    known = {code for code, place in directory.places.items() if place.level == 1}
    lists = {question.key: question.choices for question in version.questions}
    offered = {choice.code for key in version.profile.places for choice in version.choices.get(lists.get(key, ""), ())}
    return known & offered or known


def _find_served(pathway: str, directory: Directory, *, on: date) -> Iterator[str | None]:
    """First-level areas in which a working service takes this pathway; None is everywhere."""
    for rule in directory.rules_by_pathway.get(pathway, ()):
        service = directory.services.get(rule.service)
        if service is None or service.is_suspended or (service.valid_until is not None and service.valid_until < on):
            continue
        code = rule.place
        while code is not None and (place := directory.places.get(code)) is not None and place.parent is not None:
            code = place.parent
        yield code


def _check_names(paths: Collection[str], *, server: str) -> Iterator[str]:
    if server != KOBO:
        return
    names = Counter(path.rpartition("/")[2] for path in set(paths))
    twice = sorted(name for name, number in names.items() if number > 1)
    if twice:
        yield f"KoboToolbox takes a name only once in a form; given twice: {', '.join(twice[:10])}."
    lacking = [name for name in OWN_NAMES if name not in names]
    if lacking:
        yield (
            f"It lacks the calculations {' and '.join(lacking)}: KoboToolbox replaces a form's own id and version, so "
            "its submissions could not be told from those of another version."
        )
