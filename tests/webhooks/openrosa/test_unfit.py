"""Texts that no database keeps, in the addresses of the phones' door: refused, never an error of ours."""

from __future__ import annotations

import pytest

from tests.factories.phones import Phones


@pytest.mark.parametrize(
    "path",
    [
        "/formList?formID=a%00b",
        "/formList?formID=%ff",
        "/forms/00000000-0000-4000-8000-000000000000/files/a%00b",
        "/forms/00000000-0000-4000-8000-000000000000/integrity/a%00b?id=%00",
    ],
)
def test_no_address_makes_the_phones_door_fail(phones: Phones, path: str) -> None:
    assert phones.client.get(f"{phones.base}{path}").status_code < 500


def test_nor_does_a_form_id_in_a_submission(phones: Phones) -> None:
    for name in ("&#0;", "\0", "a" * 10_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        xml = f'<a id="{name}" version="1"><meta><instanceID>uuid:1</instanceID></meta></a>'.encode("utf-8", "replace")
        assert phones.post(xml).status_code in (400, 404)
