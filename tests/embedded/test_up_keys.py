"""`pimcollect up` and the keys files: where there is data, only the keys that it was used with will do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pimcollect.key_rings import create_keys
from tests.embedded.places import new_home
from tests.embedded.service import command, environment, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A home that was used and stopped, with its keys kept apart in `backup`."""
    with new_home() as home:
        with up(home):
            pass
        shutil.copytree(home / "keys", home.parent / "backup")
        yield home


@pytest.fixture
def home(used: Path) -> Iterator[Path]:
    """The same home; whatever a test does to the keys is undone."""
    yield used
    shutil.rmtree(used / "keys", ignore_errors=True)
    shutil.copytree(used.parent / "backup", used / "keys")


def _run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("--home", str(home), *words), capture_output=True, text=True, env=environment(), timeout=60, check=False
    )


def _keys(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "keys").glob("*")) if (home / "keys").exists() else []


def test_lost_keys_are_never_replaced_where_there_is_data(home: Path) -> None:
    shutil.rmtree(home / "keys")
    for words in (("up", "--port", "0"), ("keys", "create")):
        done = _run(home, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Restore both files" in done.stderr
        assert "--old-keys-are-lost" in done.stderr
        assert _keys(home) == []


@pytest.mark.parametrize("name", ["hands.json", "door.json"])
def test_one_missing_file_is_to_be_restored_and_no_half_is_made(home: Path, name: str) -> None:
    (home / "keys" / name).unlink()
    before = {path.name: path.read_bytes() for path in (home / "keys").iterdir()}
    for words in (("up", "--port", "0"), ("keys", "create")):
        done = _run(home, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "estore" in done.stderr
        assert "backup" in done.stderr
        assert {path.name: path.read_bytes() for path in (home / "keys").iterdir()} == before


def test_keys_of_another_installation_are_refused(home: Path) -> None:
    others = home.parent / "others"
    create_keys(others / "door.json", others / "hands.json")
    shutil.copy(others / "hands.json", home / "keys" / "hands.json")
    done = _run(home, "up", "--port", "0")
    assert (done.returncode, "workers cannot open" in done.stderr) == (2, True)
    shutil.copy(others / "door.json", home / "keys" / "door.json")
    done = _run(home, "up", "--port", "0")
    assert (done.returncode, "READY" in done.stdout) == (2, False)
    assert "are not those that this database has been used with" in done.stderr
