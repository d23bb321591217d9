"""pimcollect forms: build a form from the bank, adopt one that exists, list them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from forms.consents import list_missing
from forms.current import Current, read_current
from forms.intake import Adopted, adopt_form
from forms.lints_current import read_served
from forms.release import Frozen, asks_severe, build_form, read_languages, write_files
from forms.safety import MAX_BYTES
from forms.selection import KINDS
from forms.wanted import settle_wish
from forms.wishes import Wish
from forms.wording import LANGUAGE_NAMES
from forms.xform import Verdict, validate_with_odk
from pimcollect.actions.form_keys import choose_public_key, create_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.actions.releases import close_on_phones
from pimcollect.cli.desk import Desk, json_option, open_desk, print_rows
from pimcollect.cli.form_keys import keys
from pimcollect.cli.form_qr import qr_command
from pimcollect.cli.form_releases import list_places, release_command
from pimcollect.cli.forms_entities import entities_command
from pimcollect.cli.forms_intake import intake_command, kept_command
from pimcollect.cli.forms_lint import lint
from pimcollect.cli.forms_print import notes, print_command
from pimcollect.cli.wishes import find_media, read_folder, say_cuts, wish_options
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import TEST, Treatment
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entities import find_list_names
from pimcollect.tables.form_keys import find_newest_key
from pimcollect.tables.forms import find_forms
from pimcollect.tables.phones import find_shown
from pimcollect.tables.releases import find_releases
from pimcollect.vault import read_door_keys

_FILES = click.Path(exists=True, file_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_SHOWN = 60
"""Lines of what a form left out that are printed: a form that came into the bank can bring thousands of drafts."""


@click.group()
def forms() -> None:
    """Forms: built from the bank or adopted, each version frozen with what happens to every answer."""


forms.add_command(keys)
forms.add_command(lint)
forms.add_command(notes)
forms.add_command(print_command)


def _judge(xform: str) -> Verdict:
    """Let ODK Validate judge; an invalid form goes nowhere."""
    verdict = validate_with_odk(xform)
    if verdict.is_valid is False:
        raise PimError(ErrorCode.BAD_FORM, verdict.message, remedy="Nothing was written or stored.")
    return verdict


def _say_source(current: Current) -> None:
    bank = "the starter bank, since none was imported" if current.is_starter_bank else "the imported bank"
    click.echo(f"Built from {bank}, version {current.catalogue.version}.")
    if current.are_starter_places:
        click.echo("Places: the invented practice country, since none were imported. Not for real use.")


def _say_frozen(frozen: Frozen) -> None:
    version = frozen.version
    items = len({question.item for question in version.questions if question.item})
    click.echo(f"{version.form} {version.version}: {items} items, {len(version.questions)} fields, {version.title}.")
    if version.is_encrypted:
        click.echo("Phones encrypt what they send of it; only the workers here can open it (docs/operators/keys.md).")
    elif frozen.selection and frozen.selection.is_severe:
        click.echo(
            "Warning: it asks severe things, and nothing encrypts them: phones, and every server on the way, carry the "
            "answers readable. For trials (docs/operators/encryption.md).",
            err=True,
        )
    if version.drafted:
        names = ", ".join(LANGUAGE_NAMES[one] for one in version.drafted)
        click.echo(f"Machine-drafted, not approved by anybody yet: {names}. For trials only.")
        click.echo(f"What is open: pimcollect bank translations list --open --language {version.drafted[0]}")
    if version.origin == "bank":
        click.echo(f"Purpose: {version.purpose or 'none, so it cannot be released'}.")
    if version.left_out:
        click.echo("Left out:")
        for line in version.left_out[:_SHOWN]:
            click.echo(f"  {line}")
        if len(version.left_out) > _SHOWN:
            click.echo(f"  and {len(version.left_out) - _SHOWN} more: `pimcollect bank states` shows where items stand")


def _find_public_key(desk: Desk, session: Session, form: str) -> tuple[str, bool]:
    """The key of the form, and whether it was made just now: the first encrypted build makes one."""
    is_new = find_newest_key(session, form) is None
    if is_new:
        create_form_key(session, COMMAND_LINE, form, intake=read_door_keys(desk.settings.door_keys).intake)
    return choose_public_key(session, form), is_new


@forms.command("build")
@click.argument("kind", required=False)
@click.option("--form", "form", default="", help="Id of a form of your own choice.")
@wish_options
@click.option("--languages", default="en", show_default=True, help="Language codes, the first is the default.")
@click.option("--media", type=_FILES, help="Folder with the pictures, sounds and lists that questions need.")
@click.option(
    "--field-test", "is_field_test", is_flag=True, help="A form of its own that also asks what is being tried."
)
@click.option(
    "--encrypt/--no-encrypt",
    "is_encrypted",
    default=None,
    help="Whether phones encrypt what they send. [default: yes for a form that asks severe items]",
)
@click.option("-o", "--output", "folder", type=_FOLDER, help="Folder for the workbook, the XForm and the version.")
@click.option("--purpose", default="", help="The purpose that it serves. [default: the only one of its tool]")
def build_command(
    kind: str | None,
    form: str,
    wish: Wish | None,
    languages: str,
    media: Path | None,
    is_field_test: bool,
    is_encrypted: bool | None,
    folder: Path | None,
    purpose: str,
) -> None:
    """Build a form from the bank and freeze it: hh, hh_core, ki, fgd, obs, or one of your own choice (--form ID
    --tool H --modules M03,M07 --items S01). Only active items are asked; consent and screening come first always.

    The same bank, places, languages and key give the same bytes. The frozen version becomes the newest of its form.
    """
    wanted = read_languages(languages)
    with open_desk(is_first_step=True) as desk, desk.transaction() as session:
        current = read_current(session, is_field_test=is_field_test)
        form = _choose_id(kind, form)
        wish = settle_wish(session, form, wish)
        if wish and form not in KINDS:
            wish = replace(wish, purpose=purpose or wish.purpose)
        if is_encrypted is None:
            is_encrypted = asks_severe(current.catalogue, form, languages=wanted, wish=wish)
        own_id = f"{form}{TEST}" if is_field_test else form
        public_key, is_new_key = _find_public_key(desk, session, own_id) if is_encrypted else ("", False)
        frozen = build_form(
            current.catalogue,
            form,
            places=current.places,
            languages=wanted,
            is_field_test=is_field_test,
            wish=wish,
            served=read_served(session, current),
            media=find_media(session, form, media),
            public_key=public_key,
            purpose=purpose or (wish.purpose if wish else ""),
            on=datetime.now(UTC).date().isoformat(),
        )
        verdict = _judge(frozen.xform)
        written = write_files(frozen, folder) if folder else ()
        keep_version(
            session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform, files=frozen.files
        )
    # said when all is stored: whoever stops reading (`| head`) loses no form
    if is_new_key:
        click.echo(f"Made a key pair for {own_id}.")
    _say_source(current)
    _say_frozen(frozen)
    if wish and frozen.selection:
        say_cuts(frozen.selection, wish.minutes)
    click.echo(verdict.message, err=verdict.is_valid is None)
    for path in written:
        click.echo(f"Wrote {path}")
    click.echo("Stored: it is the newest version of this form.")


def _choose_id(kind: str | None, form: str) -> str:
    if kind and kind not in KINDS and not form:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form {kind!r} in the bank.",
            remedy=f"Use one of {', '.join(KINDS)}, or --form ID for one of your own choice.",
        )
    if bool(kind) == bool(form):
        raise PimError(ErrorCode.NOT_FOUND, "Name one form.", remedy=f"One of {', '.join(KINDS)}, or --form ID.")
    return kind or form


def _describe(treatment: Treatment) -> str:
    options = ", ".join(f"{name} {value}" for name, value in treatment.options.items())
    return f"{treatment.kind} ({options})" if options else treatment.kind


@forms.command("adopt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--consent", help="The question by which people agree to take part, by name or path.")
@click.option("--treatments", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A treatments file.")
@click.option("--form", "form", help="Another id for the form. [default: the form_id of its settings]")
@click.option("--media", type=_FILES, help="Folder with its files. [default: NAME-media beside it]")
@click.option("-o", "--output", "folder", type=_FOLDER, help="Folder for the workbook, the XForm and the version.")
@json_option
def adopt_command(
    file: Path,
    consent: str | None,
    treatments: Path | None,
    form: str | None,
    media: Path | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Freeze a version for an XLSForm that was made elsewhere, and say what will happen to each of its fields.

    docs/imo/adopt-a-form.md explains the defaults and the treatments file.
    """
    if file.stat().st_size > MAX_BYTES:
        raise PimError(ErrorCode.TOO_LARGE, f"The workbook is larger than {MAX_BYTES // 1024 // 1024} MB.")
    with open_desk(is_first_step=True) as desk, desk.transaction() as session:
        adopted = adopt_form(
            file.read_bytes(),
            name=file.stem,
            consent=consent,
            treatments=treatments.read_bytes() if treatments else None,
            form=form,
            files=dict(read_folder(media or file.parent / f"{file.stem}-media")),
            lists=find_list_names(session),
        )
        frozen = adopted.frozen
        written = write_files(frozen, folder) if folder else ()
        keep_version(
            session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform, files=frozen.files
        )
    types = {question.path: question.type for question in frozen.version.questions}
    columns = {"field": "field", "type": "type", "treatment": "what happens to it", "reason": "why"}
    print_rows(
        [
            {"field": path, "type": types[path], "treatment": _describe(fate.treatment), "reason": fate.reason}
            for path, fate in adopted.fates.items()
        ],
        as_json=as_json,
        columns=columns,
        empty="The form has no fields.",
    )
    _say_adopted(adopted, as_json=as_json)
    for path in written:
        click.echo(f"Wrote {path}", err=as_json)


def _say_adopted(adopted: Adopted, *, as_json: bool) -> None:
    version = adopted.frozen.version
    agreed = " and ".join(f"{one.question} = {' or '.join(one.accepted)}" for one in version.consent.keep)
    click.echo(f"Kept only when {agreed}. What is not named above is dropped.", err=as_json)
    for warning in (*list_missing(version), *adopted.warnings):
        click.echo(f"Note: {warning}", err=as_json)
    click.echo(f"Stored as {version.form} {version.version}, the newest version of this form.", err=as_json)


forms.add_command(release_command)
forms.add_command(qr_command)


@forms.command("close")
@click.argument("form")
@click.confirmation_option(prompt="Phones lose the form, and what they still hold for it will be refused. Go on?")
def close_command(form: str) -> None:
    """Take a form off the phones and refuse what still comes for it, until it is released again."""
    with open_desk() as desk, desk.transaction() as session:
        close_on_phones(session, COMMAND_LINE, form)
    click.echo("Closed. `pimcollect forms release` opens it again.")


@forms.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All forms with their newest version, where versions are released, and whether the servers still hold them."""
    with open_desk() as desk, desk.transaction() as session:
        rows = find_forms(session)
        releases = find_releases(session)
        shown = {one.form: one for one in find_shown(session)}
    places = list_places(releases)
    for row in rows:
        mine = [one for one in releases if one["form"] == row["id"]]
        phones = shown.get(row["id"])
        row["phones"] = phones.name_version(row["version_id"], row["version"]) if phones else None
        row["releases"] = mine if as_json else _say_places(row, places)
    columns = {"id": "form", "title": "title", "version": "newest version", "origin": "origin"}
    columns |= {"versions": "versions", "hooks": "open hooks", "frozen_at": "frozen", "releases": "released to"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No forms yet: pimcollect forms build hh_core")


def _say_places(row: dict[str, Any], places: dict[tuple[str, str], str]) -> str:
    """Where the versions of a form are; those that are not the newest by name."""
    mine = [(version, text) for (form, version), text in places.items() if form == row["id"]]
    mine += [(row["phones"], "our own phones: released")] if row["phones"] else []
    return "\n".join(text if version == row["version"] else f"{version} {text}" for version, text in mine)


for _command in (intake_command, kept_command, entities_command):
    forms.add_command(_command)
