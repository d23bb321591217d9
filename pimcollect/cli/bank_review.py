"""pimcollect bank propose, review, endorse, activate, deprecate, retire; and what stands where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy.orm import Session

from forms.places import read_starter_places
from pimcollect.actions.banks import activate, propose_change
from pimcollect.actions.governance import (
    Subject,
    deprecate_item,
    judge,
    list_standings,
    list_verdicts,
    propose_item,
    retire_item,
)
from pimcollect.cli.bank_compare import class_option, read_class, read_given, say_comparison
from pimcollect.cli.desk import by_option, find_actor, json_option, open_desk, print_json, print_rows
from pimcollect.cli.forms_intake import propose_from
from pimcollect.domain.governance import REASONS, State, Step
from pimcollect.domain.roles import COMMAND_LINE, Actor
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.governance import find_changes_of_bank
from pimcollect.tables.members import find_mails

_one_object = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
_refuse_option = click.option(
    "--refuse", type=click.Choice(list(REASONS)), help="Say no, back to draft, for this reason; else it is a yes."
)
_STEPS = {"im": Step.IM, "protection": Step.PROTECTION, "data": Step.DATA, "community": Step.COMMUNITY}


_FOLLOWS: Mapping[str, str] = {
    State.DEPRECATED: "Forms that are built from now on do not ask it; `pimcollect bank activate` takes that back.",
    State.RETIRED: "For ever: code and meaning stay. Released forms ask it until they are built and released anew.",
}
"""What people would ask next."""

_STANDS: Mapping[str, str] = {
    State.DRAFT: "is a draft",
    State.PROPOSED: "is proposed",
    State.IN_REVIEW: "is in review",
    State.COMMUNITY_CHECK: "goes to the community check",
    State.FIELD_TEST: "goes to a field test",
    State.ENDORSED: "is endorsed",
    State.ACTIVE: "is active",
    State.DEPRECATED: "is deprecated",
    State.RETIRED: "is retired",
}


def _say(subject: Subject, *, as_json: bool) -> None:
    if as_json:
        print_json({"noun": subject.noun, "id": subject.id, "state": subject.row.state, "round": subject.row.round})
        return
    click.echo(f"{subject.id} {_STANDS[subject.row.state]}. {_FOLLOWS.get(subject.row.state, '')}".strip())


def _find_person(session: Session, mail: str) -> Actor:
    """Who speaks: a member, never the command line itself."""
    if not mail:
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            "A person must stand behind this.",
            remedy="Say who, by the address of the account: --by name@example.org",
        )
    return find_actor(session, mail)


@click.command("propose")
@click.argument("what", required=False)
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Proposals that `pimcollect forms intake` wrote: take what was accepted in them.",
)
@click.option("--version", help="With --from: how the grown bank is called. [default: the next]")
@class_option
@by_option
@_one_object
def propose_command(
    what: str | None, source: Path | None, version: str | None, wanted: str | None, mail: str, as_json: bool
) -> None:
    """Propose a draft of the bank (WHAT is its id or name), or a whole change (WHAT is a .xlsx, .json or folder), or
    --from a file of proposals what came in with a form.

    A proposed change is held: the current bank stays in use until others agreed and somebody activates it. New items
    of a form enter the bank as proposed: no form asks them before others agreed.
    """
    if (what is None) == (source is None):
        raise PimError(
            ErrorCode.NOT_FOUND,
            "Nothing to propose is named.",
            remedy="Name an item, a file, or --from PROPOSALS.xlsx.",
        )
    with open_desk() as desk, desk.transaction() as session:
        actor = _find_person(session, mail)
        if source is not None:
            bank, comparison, said = propose_from(session, actor, source, version=version)
        elif not Path(what or "").exists():
            _say(propose_item(session, actor, what or ""), as_json=as_json)
            return
        else:
            bank = read_given(Path(what or ""), as_json=as_json)
            comparison = propose_change(session, actor, bank, wanted=read_class(wanted))
            said = f"The change is proposed as {bank.version}; the current bank stays in use."
    say_comparison(bank, comparison, as_json=as_json, is_taken=source is not None)
    if not as_json:
        click.echo(said)


@click.command("review")
@click.argument("code")
@click.option("--as", "step", type=click.Choice(list(_STEPS)), required=True, help="Which review this is.")
@_refuse_option
@by_option
@_one_object
def review_command(code: str, step: str, refuse: str | None, mail: str, as_json: bool) -> None:
    """Say yes, or no with --refuse, to an item (id or name) or a change (version): information management, protection,
    data protection (severe ones only), then the community."""
    with open_desk() as desk, desk.transaction() as session:
        _say(judge(session, _find_person(session, mail), code, step=_STEPS[step], refusal=refuse), as_json=as_json)


@click.command("endorse")
@click.argument("code")
@_refuse_option
@by_option
@_one_object
def endorse_command(code: str, refuse: str | None, mail: str, as_json: bool) -> None:
    """Endorse what was tried in the field, or refuse it. Never one's own proposal."""
    with open_desk() as desk, desk.transaction() as session:
        subject = judge(session, _find_person(session, mail), code, step=Step.ENDORSEMENT, refusal=refuse)
        _say(subject, as_json=as_json)


@click.command("activate")
@click.argument("code")
@by_option
@_one_object
def activate_command(code: str, mail: str, as_json: bool) -> None:
    """Take what was endorsed into use: an item into live forms, a change as the current bank."""
    with open_desk() as desk, desk.transaction() as session:
        practice = frozenset(place.code for place in read_starter_places())
        _say(activate(session, find_actor(session, mail), code, practice=practice), as_json=as_json)


@click.command("deprecate")
@click.argument("item")
@by_option
@_one_object
def deprecate_command(item: str, mail: str, as_json: bool) -> None:
    """Let no new form ask an active item; `activate` takes that back."""
    with open_desk() as desk, desk.transaction() as session:
        _say(deprecate_item(session, find_actor(session, mail), item), as_json=as_json)


@click.command("retire")
@click.argument("item")
@by_option
@_one_object
def retire_command(item: str, mail: str, as_json: bool) -> None:
    """End a deprecated item for ever; its code and its meaning stay."""
    with open_desk() as desk, desk.transaction() as session:
        _say(retire_item(session, find_actor(session, mail), item), as_json=as_json)


@click.command("states")
@click.option("--open", "is_open", is_flag=True, help="Only those that are not simply active.")
@json_option
def states_command(is_open: bool, as_json: bool) -> None:
    """Where every item of the current bank stands, and which verdicts are due."""
    with open_desk() as desk, desk.transaction() as session:
        found = list_standings(session, COMMAND_LINE)
    rows = [
        {
            "item": one.item,
            "key": one.key,
            "state": one.state,
            "note": one.note,
            "due": list(one.due) if as_json else ", ".join(one.due),
        }
        for one in found
        if not (is_open and one.state == "active")
    ]
    columns = {"item": "item", "key": "key", "state": "state", "due": "due", "note": "how it came there"}
    print_rows(rows, as_json=as_json, columns=columns, empty="Nothing to show.")


@click.command("changes")
@json_option
def changes_command(as_json: bool) -> None:
    """All changes of the bank, proposed and taken, with their class."""
    with open_desk() as desk, desk.transaction() as session:
        rows = find_changes_of_bank(session)
    columns = {"version": "version", "state": "state", "computed": "computed", "chosen": "class", "note": "how"}
    print_rows(rows, as_json=as_json, columns={**columns, "since": "since"}, empty="The bank was never changed.")


@click.command("verdicts")
@click.argument("code")
@json_option
def verdicts_command(code: str, as_json: bool) -> None:
    """Who said yes or no to an item or an open change, in which role, when and why."""
    with open_desk() as desk, desk.transaction() as session:
        found = list_verdicts(session, COMMAND_LINE, code)
        mails = find_mails(session, {one.member for one in found})
    rows = [
        {
            "round": one.round,
            "step": one.step,
            "is_yes": one.is_yes,
            "reason": one.reason,
            "role": one.role,
            "member": mails.get(one.member, str(one.member)),
            "at": one.at,
        }
        for one in found
    ]
    columns = {"round": "round", "step": "step", "is_yes": "yes", "reason": "reason", "role": "role"}
    print_rows(rows, as_json=as_json, columns={**columns, "member": "by", "at": "when"}, empty="No verdicts yet.")


COMMANDS = (
    propose_command,
    review_command,
    endorse_command,
    activate_command,
    deprecate_command,
    retire_command,
    states_command,
    changes_command,
    verdicts_command,
)
"""What `pimcollect bank` has of these."""
