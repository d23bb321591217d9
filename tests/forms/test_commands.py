"""The commands of the workshop, on a real database: what they print, what they store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from forms.current import read_current
from pimcollect.cli.main import group
from pimcollect.config import Settings
from pimcollect.domain.version import hash_version, read_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import PathwayRuleRow, ServiceRow
from pimcollect.tables.forms import find_newest_version, find_versions
from pimcollect.tables.journal import JournalRow
from pimcollect.vault import HandsKeys, open_value
from tests.forms.books import CONSENT, write_book

PM_KAC = str(Path(__file__).parents[1] / "payloads" / "pm_kac.xlsx")
Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the test database."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(group, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_a_wrong_bank_changes_nothing(run: Run, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text('{"version": "9"}')
    with pytest.raises(PimError) as caught:
        run("bank", "import", str(tmp_path / "bank.json"))
    assert caught.value.code is ErrorCode.BAD_BANK
    with sessions() as session:
        assert read_current(session).is_starter_bank


def test_a_form_is_stored_before_a_word_is_said_of_it(
    run: Run, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop_reading(*words: object, **how: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("click.echo", stop_reading)
    assert run("forms", "build", "obs", "-o", str(tmp_path)).exit_code == 1
    with sessions() as session:
        assert len(find_versions(session, "obs")) == 1
    assert (tmp_path / "obs.xlsx").is_file()


def test_an_adopted_form_without_a_version_of_its_own_is_released_by_the_name_that_it_has_here(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "sick.xlsx"
    path.write_bytes(write_book(f"{CONSENT}\nselect_one yn | sick | Are you sick?", form_id="sick"))
    assert "Stored as sick unversioned-" in run("forms", "adopt", str(path)).output
    told = run("forms", "release", "sick", "--to", "phones").output
    assert "sick unversioned-" in told
    assert "states no version" in told
    assert "our own phones: released" in " ".join(run("forms", "list").output.split())


def test_importing_the_starter_bank_brings_the_practice_places(run: Run, sessions: sessionmaker[Session]) -> None:
    first = run("bank", "import").output
    assert "106 items" in first
    assert "33 places" in first
    assert "wg_see" in first
    again = run("bank", "import").output
    assert "was here already" in again
    assert "places" not in again.split("pathways.")[1]
    with sessions() as session:
        current = read_current(session)
        assert (current.is_starter_bank, current.are_starter_places, len(current.places)) == (False, False, 33)
        acts = session.scalars(select(JournalRow.action)).all()
    assert len(acts) == 3


def test_a_form_is_the_same_from_the_starter_and_from_the_database(run: Run, tmp_path: Path) -> None:
    told = run("forms", "build", "obs", "-o", str(tmp_path / "a")).output
    assert "the starter bank, since none was imported" in told
    assert "Not for real use" in told
    run("bank", "import")
    assert "the imported bank" in run("forms", "build", "obs", "-o", str(tmp_path / "b")).output
    for name in ("obs.xlsx", "obs.xml", "obs.version.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_built_form_is_stored_once_and_says_what_is_missing(
    run: Run, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    told = run("forms", "build", "hh_core", "--languages", "en", "-o", str(tmp_path)).output
    assert "D05 official wording is locked and not loaded" in told
    assert "FR14 the rule needs hlp_proof" in told
    run("forms", "build", "hh_core")
    with sessions() as session:
        (row,) = find_versions(session, "hh_core")
        version = read_version(row.document)
    assert hash_version(version) == row.sha256
    assert row.xlsx == (tmp_path / "hh_core.xlsx").read_bytes()
    assert row.xform == (tmp_path / "hh_core.xml").read_text()
    (listed,) = json.loads(run("forms", "list", "--json").output)
    assert (listed["id"], listed["origin"], listed["version"]) == ("hh_core", "bank", version.version)


def test_a_language_that_is_not_there_builds_nothing(run: Run, sessions: sessionmaker[Session]) -> None:
    with pytest.raises(PimError):
        run("forms", "build", "hh", "--languages", "es")
    with sessions() as session:
        assert find_newest_version(session, "hh") is None


def test_adopting_prints_the_fate_of_every_field_and_stores_the_version(
    run: Run, sessions: sessionmaker[Session]
) -> None:
    told = run("forms", "adopt", PM_KAC).output
    assert "Kept only when consent = yes" in told
    with sessions() as session:
        row = find_newest_version(session, "pm_kac")
        assert row is not None
        assert row.xlsx == Path(PM_KAC).read_bytes()
        assert read_version(row.document).origin == "adopted"
    rows = json.loads(CliRunner().invoke(group, ["forms", "adopt", PM_KAC, "--json"]).stdout)
    fates = {row["field"]: row["treatment"] for row in rows}
    assert fates["resp/name"] == "drop"
    assert fates["resp/age"].startswith("band")
    assert len(fates) == 27


def test_adopting_without_consent_stores_nothing(run: Run, sessions: sessionmaker[Session]) -> None:
    with pytest.raises(PimError) as caught:
        run("forms", "adopt", PM_KAC, "--consent", "nowhere")
    assert caught.value.code is ErrorCode.CONSENT_NOT_NAMED
    with sessions() as session:
        assert find_newest_version(session, "pm_kac") is None


def test_contacts_of_services_are_sealed_before_the_database_sees_them(
    run: Run, sessions: sessionmaker[Session], hands_keys: HandsKeys
) -> None:
    run("bank", "import")
    assert "28 services" in run("services", "import").output
    with sessions() as session:
        row = session.get(ServiceRow, "little-harbour")
        assert row is not None
        opened = json.loads(open_value(row.contact_sealed, ring=hands_keys.cases, context="service|little-harbour"))
        whole = session.execute(text("SELECT string_agg(services::text, ' ') FROM services")).scalar_one()
        assert session.query(PathwayRuleRow).count() == 34
    assert opened == {"mail": "little-harbour@little.example.org"}
    assert "example.org" not in whole
    listed = run("services", "list", "--json").output
    assert "example.org" not in listed
    assert len(json.loads(listed)) == 28


def test_places_are_added_and_changed_and_never_removed(run: Run, tmp_path: Path) -> None:
    run("bank", "import")
    (tmp_path / "more.csv").write_text("code,level,parent,name_en\nXX01,1,,Renamed\nYY01,1,,New\n")
    run("places", "import", str(tmp_path / "more.csv"))
    names = {row["code"]: row["name"] for row in json.loads(run("places", "list", "--json").output)}
    assert len(names) == 34
    assert (names["XX01"], names["YY01"], names["XX0101"]) == ("Renamed", "New", "Upper Alder")


def test_an_item_can_be_looked_up(run: Run) -> None:
    assert "treatment    recode" in run("bank", "show", "X06").output
    (shown,) = json.loads(run("bank", "show", "mov_separated", "--json").output)
    assert shown["is_gated"] is True
    assert len(json.loads(run("bank", "list", "--module", "M08", "--json").output)) == 4
    with pytest.raises(PimError) as caught:
        run("bank", "show", "nothing")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_the_practice_country_leaves_when_the_first_real_places_come(run: Run, tmp_path: Path) -> None:
    run("bank", "import")
    path = tmp_path / "places.csv"
    path.write_text("code,level,parent,name_en,name_fr,name_ar\nTS01,1,,Testshire,,\n")
    assert "1 are here now" in run("places", "import", str(path)).output


def test_a_free_choice_is_built_cut_linted_and_built_again_from_what_its_version_remembers(run: Run) -> None:
    words = ("--form", "prot_2026", "--tool", "H", "--modules", "M06,M09", "--items", "svc_unmet", "--minutes", "9")
    first = run("forms", "build", *words, "--no-encrypt", "--title", "Protection in the north")
    assert "Cut for time:" in first.output
    assert "Protection in the north" in first.output
    again = run("forms", "build", "--form", "prot_2026", "--no-encrypt")
    version = [line.split(":")[0] for line in first.output.splitlines() if line.startswith("prot_2026 ")]
    assert version[0] in again.output
    told = run("forms", "lint", "prot_2026")
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name one form"),
        (("hh", "--form", "mine"), "Name one form"),
        (("nowhere",), "no form 'nowhere'"),
        (("--form", "mine"), "no form 'mine' yet"),
        (("--form", "mine", "--modules", "M06"), "no form 'mine' yet"),
        (("hh", "--modules", "M06"), "hh knows what it asks"),
        (("--form", "Mine", "--tool", "H"), "id cannot be used"),
        (("--form", "mine", "--tool", "H", "--items", "gone"), "no item gone"),
    ],
)
def test_a_choice_that_cannot_be_built_is_refused_in_words(run: Run, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(PimError, match=said) as caught:
        run("forms", "build", *words)
    assert caught.value.remedy
