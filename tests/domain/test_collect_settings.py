"""The settings code is what Collect reads: JSON, zlib, base64; what is no such code is refused."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.collect_settings import CollectProject, pack_settings, unpack_settings, write_settings
from pimcollect.errors import ErrorCode, PimError

ACCOUNT = CollectProject("https://pim.example.org/phones", "Exercise أمل", "amina", "abcd-efgh")
WORDS = {
    "form_update_mode": {"manual", "previously_downloaded", "match_exactly"},
    "periodic_form_updates_check": {"every_fifteen_minutes", "every_one_hour", "every_six_hours", "every_24_hours"},
    "autosend": {"off", "wifi_only", "cellular_only", "wifi_and_cellular"},
    "protocol": {"odk_default"},
}


@pytest.mark.parametrize("packed", ["", "no", "!!!!", base64.b64encode(b"no zlib").decode(), "QUJD"])
def test_what_is_no_code_is_refused(packed: str) -> None:
    with pytest.raises(PimError) as error:
        unpack_settings(packed)
    assert error.value.code == ErrorCode.BAD_SETTING


def test_a_packed_bomb_is_not_unpacked() -> None:
    with pytest.raises(PimError):
        unpack_settings(base64.b64encode(zlib.compress(b'"' + b"a" * 10_000_000 + b'"', 9)).decode())


def test_a_code_that_no_phone_could_read_is_refused() -> None:
    with pytest.raises(PimError) as error:
        pack_settings({str(number): hash(str(number)) for number in range(1000)})
    assert error.value.code == ErrorCode.TOO_LARGE


@given(st.text(max_size=60))
def test_what_is_packed_is_read_again(name: str) -> None:
    settings = write_settings(CollectProject("https://a.example", name))
    assert unpack_settings(pack_settings(settings)) == settings


def test_the_settings_use_the_words_that_collect_knows() -> None:
    general = write_settings(ACCOUNT)["general"]
    for key, words in WORDS.items():
        assert general[key] in words
    assert (general["username"], general["password"], general["delete_send"]) == ("amina", "abcd-efgh", True)


def test_a_token_in_the_address_needs_no_name_and_a_password_is_in_no_repr() -> None:
    assert "username" not in write_settings(CollectProject("https://a.example/phones/key/x", "p"))["general"]
    assert "abcd" not in repr(ACCOUNT)
