"""The `pimcollect` command: finds its nouns lazily, and says every failure in one line without a stack trace."""

from __future__ import annotations

import os
import secrets
import sys
import traceback
from importlib import import_module
from pathlib import Path

import click

from pimcollect.errors import PimError

COMMANDS = {
    "bank": "pimcollect.cli.bank:bank",
    "forms": "pimcollect.cli.forms:forms",
    "places": "pimcollect.cli.places:places",
    "services": "pimcollect.cli.services:services",
    "hooks": "pimcollect.cli.hooks:hooks",
    "servers": "pimcollect.cli.servers:servers",
    "phones": "pimcollect.cli.phones:phones",
    "inbox": "pimcollect.cli.inbox:inbox",
    "submissions": "pimcollect.cli.submissions:submissions",
    "referrals": "pimcollect.cli.referrals:referrals",
    "members": "pimcollect.cli.members:members",
    "rehearse": "pimcollect.cli.rehearse:rehearse",
    "doctor": "pimcollect.cli.doctor:doctor",
    "keys": "pimcollect.cli.keys:keys",
    "migrate": "pimcollect.cli.migrate:migrate",
    "up": "pimcollect.cli.up:up",
    "web": "pimcollect.cli.web:web",
}
"""Name -> module:attribute. Loaded when called: `pimcollect keys` need not wait for what `forms` imports."""
_FAILED, _MISUSED = 1, 2


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        _take_home_anywhere(command)
        return command


def _take_home_anywhere(command: click.Command) -> None:
    """`--home` may stand behind the command too, where people write it."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _take_home_anywhere(inner)
    if all(one.name != "home" for one in command.params):
        command.params.append(_home_behind)


def choose_home(_context: click.Context, _option: click.Parameter, home: Path | None) -> None:
    """`--home` wins over PIMCOLLECT_HOME, for this command and for every process that it starts."""
    if home is not None:
        os.environ["PIMCOLLECT_HOME"] = str(home.expanduser().absolute())


home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    callback=choose_home,
    expose_value=False,
    is_eager=True,
    help="Folder for keys, data and logs. [default: PIMCOLLECT_HOME, or the user's data folder]",
)


_home_behind = click.Option(
    ["--home"],
    type=click.Path(path_type=Path, file_okay=False),
    callback=choose_home,
    expose_value=False,
    is_eager=True,
    hidden=True,
)


@click.group(cls=LazyGroup)
@click.version_option(package_name="pimcollect")
@home_option
def group() -> None:
    """Protection data collection: forms from a shared bank, sealed intake, consent, treatment and referral.

    Where a command takes an id, its first six characters are enough if no other begins so.
    """


def _explain(error: Exception) -> int:
    """Say what went wrong on stderr and return the exit status.

    Of an error we did not foresee only its class and a code are said: its text may hold a value.
    """
    if os.environ.get("PIMCOLLECT_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, PimError):
        click.echo(f"error: {error}", err=True)
        return _MISUSED
    code = secrets.token_hex(4)
    click.echo(f"error: this should not happen ({type(error).__name__}, {code}).", err=True)
    click.echo("Set PIMCOLLECT_DEBUG=1 and try again to see more; that text may show answers.", err=True)
    return _FAILED


def main() -> None:
    """Exit status: 0 done; 1 failed, differences found, or Ctrl-C; 2 a mistake that the caller can mend."""
    try:
        group(standalone_mode=True)
    except Exception as error:  # told by its class: a stack trace shows values
        sys.exit(_explain(error))
