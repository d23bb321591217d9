"""Commands that fail, for the tests of how failures are told."""

import click

from pimcollect.errors import ErrorCode, PimError


@click.command()
def mistaken() -> None:
    """Fail in a way that the caller can mend."""
    raise PimError(ErrorCode.NOT_FOUND, "No form is called hh_cor.", remedy="There is hh_core.")


@click.command()
def broken() -> None:
    """Fail in a way that nobody foresaw."""
    raise ValueError("Nadia Al-Example")
