"""The demo says only what it checked, and stops with a sentence where something does not hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engines.filled import need
from tests.engines.javarosa import find_jvm

pytestmark = [pytest.mark.engine, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "tests.journeys.demo"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_folder_that_is_not_the_demos_is_left_alone_and_said_so(tmp_path: Path) -> None:
    (tmp_path / ".pimcollect-demo").mkdir()
    (tmp_path / ".pimcollect-demo/mine.txt").write_text("keep me")
    done = run_demo(tmp_path)
    assert done.returncode == 1
    assert "The demo stopped." in done.stdout
    assert done.stderr == ""
    assert (tmp_path / ".pimcollect-demo/mine.txt").read_text() == "keep me"


def test_the_demo_clears_what_an_earlier_one_left_and_tells_the_whole_story(tmp_path: Path) -> None:
    need(find_jvm)
    left = tmp_path / ".pimcollect-demo"
    left.mkdir()
    (left / "lock").write_text("1")
    (left / "postgres.secret").write_text("of an earlier demo")
    with socket.socket() as other:
        with suppress(OSError):  # then somebody else has the port of `make run`
            other.bind(("127.0.0.1", 8000))
        done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for told in ("10. Look around", "waits for you", "RP-CP: 1", "one refusal", "not found", "doctor"):
        assert told in done.stdout
