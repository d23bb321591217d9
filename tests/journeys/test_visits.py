"""Follow-up visits through our own phones' door: register, fetch the list, visit again, take consent back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.bank import read_catalogue
from forms.places import read_starter_places
from forms.release import build_form
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.factories.collect import Collect
from tests.factories.households import Household
from tests.factories.phones import Phones, open_phones, serve
from tests.factories.rich_banks import MEDIA, rich_document
from tests.factories.visits import (
    CANARY,
    CANARY_PHONE,
    adopt_follow,
    adopt_register,
    correct,
    keep_adopted,
    read_entity,
    register,
)
from tests.forms.test_putting import ANSWERS

pytestmark = [pytest.mark.engine]
ENGINES = {"javarosa": javarosa.load_engine, "xforms-engine": xforms_engine.load_engine}


@pytest.fixture
def phones(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    keep_adopted(engine, adopt_register(), adopt_follow())
    phones = open_phones(settings, engine, "register", "follow")
    yield phones
    phones.puts.dispose()


class Enumerator:
    """Somebody with a phone: fetches forms and lists, fills them with an engine, sends."""

    def __init__(self, address: str, phones: Phones, household: Household, engine: str) -> None:
        self.collect = Collect(f"{address}/phones", phones.account.name, phones.account.secret)
        self.engine: Any = need(ENGINES[engine])
        self.household = household

    def fill(self, form_id: str, answers: dict[str, Any]) -> Filled:
        """A form with the list as it is now."""
        (form,) = [one for one in self.collect.fetch_list() if one.form_id == form_id]
        xform, files = self.collect.download(form)
        filled: Filled = self.engine.fill(xform.decode(), answers, files={one.name: one.content for one in files})
        return filled

    def send(self, xml: bytes) -> list[int]:
        """Send and let the workers settle it."""
        statuses = self.collect.submit(xml)
        self.household.settle()
        return statuses

    def read_list(self, form_id: str = "follow") -> tuple[list[dict[str, str]], Any]:
        """The rows of the list that a form reads, and the file."""
        (form,) = [one for one in self.collect.fetch_list() if one.form_id == form_id]
        (file,) = [one for one in self.collect.download(form)[1] if one.integrity_url]
        return list(csv.DictReader(io.StringIO(file.content.decode()))), file


@pytest.mark.parametrize("name", ENGINES)
def test_a_household_is_registered_visited_again_and_forgotten(
    phones: Phones, household: Household, engine: Engine, name: str
) -> None:
    with serve(phones.app) as address:
        amina = Enumerator(address, phones, household, name)
        first = amina.fill("register", register())
        assert amina.send(first.xml) == [201]
        (row,), file = amina.read_list()
        id_ = row["name"]
        assert row == {
            **{"name": id_, "label": "Household HH-001", "__version": "1", "age": "18-59", "code": "HH-001"},
            **{"head_name": "", "secret": "", "tel": "", "tents": "", "water": "river"},
        }
        assert CANARY.encode() in first.xml
        assert CANARY_PHONE.encode() in first.xml
        assert not {CANARY, CANARY_PHONE, "41"} & set(file.content.decode().replace("\n", ",").split(","))

        # two enumerators visit it, neither knows of the other
        visit = amina.fill("follow", {"hh": id_, "consent": "yes", "water": "well", "tents": 2})
        told = read_entity(visit)
        assert (told["id"], told["update"] in ("1", "true"), told["baseVersion"]) == (id_, True, "1")
        late = amina.fill("follow", {"hh": id_, "consent": "yes", "water": "truck"})
        assert (amina.send(visit.xml), amina.send(visit.xml), amina.send(late.xml)) == ([201], [202], [201])
        (row,), _ = amina.read_list()
        assert (row["water"], row["tents"], row["__version"], row["label"]) == ("well", "2", "2", "Household HH-001")

        # who comes after them has seen the row
        assert amina.send(amina.fill("follow", {"hh": id_, "consent": "yes", "water": "truck"}).xml) == [201]
        (row,), _ = amina.read_list()
        assert (row["water"], row["tents"], row["__version"]) == ("truck", "2", "3")

        # nobody who says no on a visit changes the row
        amina.send(amina.fill("follow", {"hh": id_, "consent": "no"}).xml)
        assert amina.read_list()[0] == [row]

        # the household takes its consent back: the registration is corrected to a no
        amina.send(correct(first.xml, consent="no"))
        rows, file = amina.read_list()
        assert rows == []
        assert amina.collect.ask_deleted(file, [id_, "00000000-0000-4000-8000-000000000000", "x"]) == {id_: True}
        amina.collect.close()
    with Session(engine) as session:
        assert session.scalars(text("SELECT label FROM entities")).all() == [None]
        assert session.scalar(text("SELECT count(*) FROM entity_changes WHERE label IS NOT NULL")) == 0


@pytest.mark.parametrize("name", ENGINES)
def test_a_site_of_the_bank_is_created_with_an_id_of_its_own_and_visited_again_by_the_same_form(
    settings: Settings, engine: Engine, household: Household, name: str
) -> None:
    catalogue = read_catalogue(rich_document())
    frozen = build_form(catalogue, "obs", places=read_starter_places(), media=MEDIA, languages=("en",))
    with Session(engine) as session, session.begin():
        kept = {"xlsx": frozen.xlsx, "xform": frozen.xform, "files": frozen.files}
        keep_version(session, COMMAND_LINE, version=frozen.version, **kept)  # type: ignore[arg-type]
    phones = open_phones(settings, engine, "obs")
    with serve(phones.app) as address:
        amina = Enumerator(address, phones, household, name)
        first = amina.fill("obs", ANSWERS)
        assert amina.send(first.xml) == [201]
        (row,), _ = amina.read_list("obs")
        assert (row["label"], row["code"], row["__version"]) == ("Site s599", "s599", "1")
        again = amina.fill("obs", {**ANSWERS, "well_before": row["name"], "well_code": "s2"})
        assert amina.send(again.xml) == [201]
        (after,), _ = amina.read_list("obs")
        assert after == {**row, "label": "Site s2", "code": "s2", "__version": "2"}
        amina.collect.close()
    phones.puts.dispose()


def test_a_label_that_would_name_a_person_becomes_a_short_code(
    settings: Settings, engine: Engine, household: Household
) -> None:
    adopted = adopt_register("concat(${head}, ' ', ${code})")
    (said,) = [one for one in adopted.warnings if one.startswith("entities the label of households shows head")]
    assert "short code" in said
    keep_adopted(engine, adopted, adopt_follow())
    phones = open_phones(settings, engine, "register", "follow")
    with serve(phones.app) as address:
        amina = Enumerator(address, phones, household, "xforms-engine")
        filled = amina.fill("register", register())
        assert f"<label>{CANARY} HH-001</label>" in filled.xml.decode()
        amina.send(filled.xml)
        (row,), file = amina.read_list()
        assert row["label"] == f"{row['name'][:4].upper()}-{row['name'][4:8].upper()}"
        assert CANARY.encode() not in file.content
        amina.collect.close()
    phones.puts.dispose()
