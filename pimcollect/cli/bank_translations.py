"""pimcollect bank translations: what is open in a language, and who approves what."""

from __future__ import annotations

from collections.abc import Collection

import click
from sqlalchemy.orm import Session

from forms.drafts import Draft, list_drafts
from forms.translations import TRANSLATED
from forms.wording import LANGUAGE_NAMES
from pimcollect.actions.translations import approve_translations, withdraw_approvals
from pimcollect.cli.bank_compare import read_version
from pimcollect.cli.desk import by_option, find_actor, json_option, open_desk, print_json, print_rows
from pimcollect.domain.roles import COMMAND_LINE, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.translations import find_approved

language_option = click.option(
    "--language", type=click.Choice([one for one in LANGUAGE_NAMES if one != "en"]), required=True, help="Which one."
)


@click.group()
def translations() -> None:
    """Wording in other languages: a draft until an information officer who did not make it approves it."""


def _read(session: Session, language: str, codes: Collection[str]) -> list[Draft]:
    document = read_version(session, "current")
    return list(list_drafts(document, language, approved=find_approved(session), codes=codes))


@translations.command("list")
@click.argument("codes", nargs=-1)
@click.option("--language", type=click.Choice([one for one in LANGUAGE_NAMES if one != "en"]), help="Only this one.")
@click.option("--open", "is_open", is_flag=True, help="Only those that nobody has approved.")
@json_option
def list_command(codes: tuple[str, ...], language: str | None, is_open: bool, as_json: bool) -> None:
    """Every text beside its English with its state; of some items, lists, modules or parts when CODES are given."""
    with open_desk() as desk, desk.transaction() as session:
        allow(COMMAND_LINE, "bank.list")
        languages = [language] if language else list(TRANSLATED)
        found = [draft for one in languages for draft in _read(session, one, codes)]
    rows = [
        {
            **{"code": one.code, "part": one.part, "key": one.key, "language": one.language, "state": one.state},
            **{"source": one.source, "text": one.text, "translator": one.translator, "back": one.back},
        }
        for one in found
        if one.is_open or not is_open
    ]
    columns = {"key": "key", "part": "part", "language": "lang", "state": "state", "source": "English", "text": "text"}
    print_rows(rows, as_json=as_json, columns=columns, empty="Nothing is open.")
    if not as_json:
        waiting = sum(1 for one in found if one.is_open)
        click.echo(f"{waiting} of {len(found)} texts are not approved.")


def _choose(session: Session, language: str, codes: tuple[str, ...], *, is_all: bool) -> list[Draft]:
    if not codes and not is_all:
        raise PimError(
            ErrorCode.NOT_FOUND, "No text was named.", remedy="Name items, lists, modules or parts, or say --all."
        )
    return _read(session, language, codes)


@translations.command("approve")
@click.argument("codes", nargs=-1)
@language_option
@click.option("--all", "is_all", is_flag=True, help="Everything that is there in this language.")
@by_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def approve_command(codes: tuple[str, ...], language: str, is_all: bool, mail: str, as_json: bool) -> None:
    """Say that the texts of these CODES (items, lists, modules, terms, purposes, sentences or parts) are right.

    An approval holds for exactly this English and this text: when one of them changes, it is a draft again. Nobody
    approves what they brought into the bank or made themselves.
    """
    with open_desk() as desk, desk.transaction() as session:
        drafts = _choose(session, language, codes, is_all=is_all)
        texts = [one.bound for one in drafts if one.bound]
        fresh = approve_translations(session, find_actor(session, mail), texts)
    missing = sum(1 for one in drafts if one.bound is None)
    if as_json:
        print_json({"language": language, "approved": fresh, "texts": len(texts), "missing": missing})
        return
    click.echo(f"{fresh} texts approved in {LANGUAGE_NAMES[language]}; {len(texts) - fresh} were before.")
    if missing:
        click.echo(f"{missing} texts are missing in this language, or translate an older wording.")


@translations.command("withdraw")
@click.argument("codes", nargs=-1, required=True)
@language_option
@by_option
def withdraw_command(codes: tuple[str, ...], language: str, mail: str) -> None:
    """Take approvals back: the texts are drafts again for forms that are built from now on."""
    with open_desk() as desk, desk.transaction() as session:
        texts = [one.bound for one in _read(session, language, codes) if one.bound]
        taken = withdraw_approvals(session, find_actor(session, mail), texts)
    click.echo(f"{taken} approvals in {LANGUAGE_NAMES[language]} taken back.")
