"""Files of a form that was made elsewhere: frozen with it when they are there, named when they are not."""

from __future__ import annotations

from typing import Any

import pytest

from forms.files import find_uris
from forms.intake import Adopted, adopt_form
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import CONSENT, write_book

SURVEY = f"{CONSENT} |  | a.png\nselect_one_from_file areas.csv | area | Which area? |  | \nnote | n | N |  | a.png"
FILES = {"a.png": b"\x89PNG picture", "areas.csv": b"name,label\nx,X\n", "unused.png": b"other"}


def _adopt(**files: Any) -> Adopted:
    data = write_book(SURVEY, columns="type | name | label | calculation | media::image")
    return adopt_form(data, name="file", **files)


def test_what_is_missing_is_named_and_the_form_is_adopted_all_the_same() -> None:
    adopted = _adopt()
    assert adopted.frozen.files == {}
    assert [one.split(" ")[2] for one in adopted.warnings if "beside the workbook" in one] == ["a.png", "areas.csv"]


def test_a_file_that_no_telephone_should_fetch_is_refused() -> None:
    with pytest.raises(PimError) as caught:
        _adopt(files={**FILES, "a.png": bytes(10 * 1024 * 1024 + 1)})
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_what_the_form_refers_to_is_frozen_with_it_and_nothing_else() -> None:
    adopted = _adopt(files=FILES)
    assert set(adopted.frozen.files) == {"a.png", "areas.csv"}
    assert [file.content_type for file in adopted.frozen.version.files] == ["image/png", "text/csv"]
    assert not [one for one in adopted.warnings if "beside the workbook" in one]
    other = _adopt(files={**FILES, "a.png": b"\x89PNG another"})
    assert len({adopted.frozen.sha256, other.frozen.sha256, _adopt().frozen.sha256}) == 3


@pytest.mark.parametrize("uri", ["jr://images/../x", "jr://images/.x", "jr://elsewhere/x.png", "http://x/y.png", ""])
def test_no_address_leads_out_of_the_folder(uri: str) -> None:
    assert find_uris(f"<value>{uri}</value>") == ()


def test_names_of_every_script_are_found() -> None:
    text = '<value>jr://images/صورة.png</value><instance src="jr://file-csv/a &amp; b.csv"/>'
    assert find_uris(text) == ("a & b.csv", "صورة.png")
