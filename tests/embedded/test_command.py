"""The command `pimcollect` itself: failures in one line, without a value, and what is loaded when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pimcollect.cli import main
from tests.embedded.service import command, environment

_FAILING = {"mistaken": "tests.embedded.commands:mistaken", "broken": "tests.embedded.commands:broken"}


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(main, "COMMANDS", _FAILING)
    monkeypatch.setattr(sys, "argv", ["pimcollect", *words])
    with pytest.raises(SystemExit) as end:
        main.main()
    return end.value.code


def test_a_mistake_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "mistaken") == 2
    said = capsys.readouterr()
    assert said.err == "error: No form is called hh_cor. There is hh_core.\n"
    assert said.out == ""


def test_an_unforeseen_failure_says_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIMCOLLECT_DEBUG", raising=False)
    assert _run(monkeypatch, "broken") == 1
    said = capsys.readouterr()
    assert "ValueError" in said.err
    assert "Nadia" not in said.err + said.out
    assert "Traceback" not in said.err


def test_somebody_who_asks_for_it_sees_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIMCOLLECT_DEBUG", "1")
    assert _run(monkeypatch, "broken") == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, "nothing-of-ours") == 2


def test_the_home_option_wins_for_all_processes_below(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIMCOLLECT_HOME", "/elsewhere")
    _run(monkeypatch, "--home", str(tmp_path), "mistaken")
    assert os.environ["PIMCOLLECT_HOME"] == str(tmp_path)


def test_a_small_command_does_not_load_the_forms_or_the_pages() -> None:
    code = "import sys; from pimcollect.cli import main, keys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"flask", "pyxform", "alembic"} & set(loaded)


def _pimcollect(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(**env), timeout=60, check=False
    )


@pytest.mark.parametrize("words", [("referrals", "list"), ("bank", "list"), ("hooks", "open", "--form", "hh")])
def test_a_wrong_home_is_said_and_nothing_is_made_there(tmp_path: Path, words: tuple[str, ...]) -> None:
    typo = tmp_path / "typo"
    for done in (_pimcollect("--home", str(typo), *words), _pimcollect(*words, PIMCOLLECT_HOME=str(typo))):
        assert (done.returncode, done.stdout) == (2, "")
        assert f"There is no installation in {typo}." in done.stderr
        assert "PIMCOLLECT_HOME" in done.stderr
    assert not typo.exists()


def test_the_home_may_be_named_behind_the_command(tmp_path: Path) -> None:
    done = _pimcollect("submissions", "list", "--home", str(tmp_path / "typo"), PIMCOLLECT_HOME="/elsewhere")
    assert f"There is no installation in {tmp_path / 'typo'}." in done.stderr
