"""A backup is restored by the very lines of docs/operators/run.md, into a new home, and is the same installation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.embedded.front import Front
from tests.embedded.places import new_home, wait_for
from tests.embedded.service import command, environment, up

pytestmark = pytest.mark.slow

RUN = (Path(__file__).parents[2] / "docs/operators/run.md").read_text()
BODY = b'{"_uuid": "5f0c2f8e-6a3c-4b6e-9e0a-7d1b2c3d4e5f", "formhub/uuid": "a", "q": "1"}'


def _run(*words: str, **more: Any) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=60, check=False, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _type(program: str, folder: Path) -> str:
    """What an operator types: the block of the page that has this word, in a folder with .venv and .pimcollect."""
    (block,) = [block for block in re.findall(r"^```\n(.*?)^```", RUN, re.M | re.S) if program in block]
    return _run("bash", "-ec", block.replace(".venv/bin/pimcollect up", ": "), cwd=folder)


def _look(home: Path) -> list[Any]:
    """What is there: entries with what became of them, hooks, accounts."""
    with psycopg.connect(json.loads((home / "runtime.json").read_text())["database_url"]) as database:
        queries = ("id, state, reason FROM entries", "id FROM hooks", "id FROM members")
        return [database.execute(f"SELECT {one} ORDER BY id").fetchall() for one in queries]


def _wait_until_settled(home: Path) -> None:
    wait_for(lambda: all(state != "untouched" for _, state, _ in _look(home)[0]), seconds=30, step=0.1)


def test_a_backup_restored_into_a_new_home_is_the_same_installation(front: Front) -> None:
    assert front.post(BODY)[0] == 202
    _wait_until_settled(front.service.home)
    with new_home() as place:
        folder = place.parent
        (folder / ".venv").symlink_to(sys.prefix)
        home = folder / ".pimcollect"
        home.symlink_to(front.service.home)
        _type("/pg_dump", folder)
        assert (folder / "pim.dump").stat().st_mode & 0o777 == 0o600, "nobody else on the machine reads it"
        shutil.copytree(home / "keys", folder / "keys.backup")
        before = _look(home)
        home.unlink()

        _type("keys.backup", folder)
        with up(home, "--only-database") as database:
            assert database.printed[-1].startswith("READY for pg_dump")
            assert _type("/pg_restore", folder) == ""
        with up(home) as restored:
            assert [line.split()[0] for line in restored.printed] == ["READY"]
            assert all(before)
            assert _look(home) == before
            assert Front(restored, front.path, front.headers).post(BODY)[0] == 202
            _wait_until_settled(home)
            assert _look(home) == before, "the same again is known by the digests of the old keys"
            _run(*command("--home", str(home), "inbox", "replay", str(before[0][0][0])))
            _wait_until_settled(home)
            assert _look(home) == before, "what was sealed before opens with the old keys"
