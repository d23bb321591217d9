"""pimcollect servers: a token comes in by a file, the environment or a prompt, and is never shown again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.errors import ErrorCode, PimError
from tests.cli.conftest import Run
from tests.factories.door import put_form

TOKEN = "8c1fcanarytoken"
CONNECT = ("servers", "connect", "--url", "https://kf.kobotoolbox.org", "--form", "pm_kac", "--there", "aUid")
Read = Callable[..., Any]


@pytest.fixture(autouse=True)
def form(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        put_form(session)


def test_a_token_file_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(PimError) as caught:
        run(*CONNECT, "--token-file", str(tmp_path / "none"))
    assert caught.value.code is ErrorCode.BAD_FILE


def test_the_command_line_has_no_place_for_a_token(run: Run) -> None:
    assert run(*CONNECT, "--token", TOKEN).exit_code == 2


def test_a_server_is_connected_listed_and_closed(
    run: Run, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read("servers", "list") == []
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    made = read(*CONNECT, "--token-file", str(tmp_path / "token"))
    monkeypatch.setenv("SERVER_TOKEN", TOKEN)
    other = run("servers", "connect", "--server", "ona", "--url", "https://api.ona.io", "--form", "pm_kac")
    assert "sealed" in other.output
    listed = run("servers", "list")
    assert TOKEN not in listed.output + other.output + str(made)
    assert {row["server"] for row in read("servers", "list")} == {"kobo", "ona"}
    assert "Closed" in run("servers", "close", made["id"]).output
    assert {row["id"]: row["state"] for row in read("servers", "list")}[made["id"]] == "closed"
