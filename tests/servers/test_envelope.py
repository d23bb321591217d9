"""Envelopes: opened when whole and unchanged, refused for everything else; the encryptor shares nothing with it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.envelope import open_envelope, read_envelope
from tests.factories.envelopes import COLLECT, SPECIFIED, Sealed, encrypt_submission, rsa_key

ID = "uuid:0b5f6f3e-7a52-4f0a-9a3b-1f1c0f9f2d11"
FORM, VERSION = "hh_core", "2026.1-0a1b2c3d"
MEDIA = {"1.jpg": b"\xff\xd8 not really", "voice.m4a": b"", "audit.csv": b"event,node\n"}


def submission(form: str = FORM, version: str | None = VERSION, instance_id: str = ID, answer: str = "42") -> bytes:
    stated = f' version="{version}"' if version else ""
    meta = f'<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>{instance_id}</orx:instanceID></orx:meta>'
    return f'<data id="{form}"{stated}><answer>{answer}</answer>{meta}</data>'.encode()


def seal(plain: bytes | None = None, **more: Any) -> Sealed:
    own = {"form": FORM, "version": VERSION, "instance_id": ID, "key": rsa_key(), **more}
    return encrypt_submission(plain or submission(version=own["version"], instance_id=own["instance_id"]), **own)


@dataclass(frozen=True)
class Clear:
    """All that was inside."""

    submission: bytes
    media: Mapping[str, bytes]


def open_(
    sealed: Sealed, files: Mapping[str, bytes] | None = None, *, envelope: bytes = b"", keys: Any = (0,)
) -> Clear:
    files = sealed.files if files is None else files
    read = read_envelope(envelope or sealed.envelope)
    contents = open_envelope(read, files.__getitem__, keys=[rsa_key(key) for key in keys])
    return Clear(contents.submission, {name: contents.open_media(name) for name in contents.media})


def refused(sealed: Sealed, files: Mapping[str, bytes] | None = None, **more: Any) -> ErrorCode:
    with pytest.raises(PimError) as caught:
        open_(sealed, files, **more)
    return caught.value.code


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_another_form_s_key_does_not_open_it() -> None:
    assert refused(seal(), keys=(1,)) == ErrorCode.BAD_KEYS


@pytest.mark.parametrize("name", ["1.jpg.enc", "audit.csv.enc", "submission.xml.enc"])
def test_a_changed_bit_in_any_file_is_noticed(name: str) -> None:
    sealed = seal(media=MEDIA)
    for at in (0, len(sealed.files[name]) - 1):
        changed = {**sealed.files, name: flip(sealed.files[name], at)}
        assert refused(sealed, changed) == ErrorCode.SEAL_BROKEN


def test_swapped_truncated_and_emptied_files_are_noticed() -> None:
    sealed = seal(media=MEDIA)
    one, other = sealed.files["1.jpg.enc"], sealed.files["audit.csv.enc"]
    for files in (
        {**sealed.files, "1.jpg.enc": other, "audit.csv.enc": one},
        {**sealed.files, "1.jpg.enc": one[:-1]},
        {**sealed.files, "1.jpg.enc": one[:-16]},
        {**sealed.files, "1.jpg.enc": b""},
    ):
        assert refused(sealed, files) == ErrorCode.SEAL_BROKEN


def test_a_file_of_another_submission_is_noticed() -> None:
    sealed, other = seal(media=MEDIA), seal(media=MEDIA)
    assert refused(sealed, {**sealed.files, "1.jpg.enc": other.files["1.jpg.enc"]}) == ErrorCode.SEAL_BROKEN


@pytest.mark.parametrize(
    "inner",
    [
        submission(form="hh"),
        submission(version="2026.1-ffffffff"),
        submission(version=None),
        submission(instance_id="uuid:another"),
        b"<data id='hh_core' version='2026.1-0a1b2c3d'/>",
    ],
)
def test_what_is_inside_must_be_what_the_envelope_says(inner: bytes) -> None:
    assert refused(seal(inner)) == ErrorCode.SEAL_BROKEN


@pytest.mark.parametrize("inner", [b"no xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_a_phone_encrypted_badly_is_unreadable_and_nobody_s_tampering(inner: bytes) -> None:
    sealed = seal(inner, media=MEDIA)
    assert refused(sealed) == ErrorCode.BAD_BODY
    assert refused(sealed, {**sealed.files, "1.jpg.enc": flip(sealed.files["1.jpg.enc"], 0)}) == ErrorCode.SEAL_BROKEN
    assert refused(seal(inner, signed={"version": "1"})) == ErrorCode.SEAL_BROKEN


def test_there_is_no_envelope_in_an_envelope() -> None:
    assert refused(seal(b'<data encrypted="yes"/>')) == ErrorCode.BAD_BODY


@pytest.mark.parametrize("said", [{"form": "hh"}, {"version": "1"}, {"instance_id": "uuid:another"}, {"version": ""}])
def test_a_signature_that_speaks_of_something_else_does_not_count(said: dict[str, str]) -> None:
    assert refused(seal(signed=said)) == ErrorCode.SEAL_BROKEN


def test_ids_that_were_changed_outside_are_noticed() -> None:
    sealed = seal()
    for old, new in (
        (b'id="hh_core"', b'id="hh"'),
        (b"2026.1-0a1b2c3d", b"2026.1-ffffffff"),
        (b"uuid:0b5f", b"uuid:1b5f"),
    ):
        assert refused(sealed, envelope=sealed.envelope.replace(old, new)) == ErrorCode.SEAL_BROKEN


def test_what_is_missing_is_known_before_anything_is_opened() -> None:
    sealed = seal(media=MEDIA)
    missing = {name: content for name, content in sealed.files.items() if name != "voice.m4a.enc"}
    assert read_envelope(sealed.envelope).find_missing(missing) == ("voice.m4a.enc",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<media><file>1.jpg.enc</file></media>", b"<media><file>../1.jpg.enc</file></media>"),
        (b"<media><file>1.jpg.enc</file></media>", b"<media><file>1.jpg</file></media>"),
        (b"<media><file>1.jpg.enc</file></media>", b"<media><file>audit.csv.enc</file></media>"),
        (b"<media><file>1.jpg.enc</file></media>", b"<media><file>submission.xml.enc</file></media>"),
        (b"<media><file>1.jpg.enc</file></media>", b"<media><file>1.jpg.enc</file></media>" * 201),
        (b"<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>", b""),
        (b"<base64EncryptedElementSignature>", b"<signature>"),
        (b"</data>", b"<base64EncryptedKey>QQ==</base64EncryptedKey></data>"),
        (b"</data>", b"<meta><instanceID>uuid:other</instanceID></meta></data>"),
        (b"<data ", b"<!DOCTYPE data><data "),
        (b"</data>", b""),
    ],
)
def test_an_envelope_that_no_phone_writes_is_unreadable(old: bytes, new: bytes) -> None:
    sealed = seal(media=MEDIA)
    envelope = sealed.envelope.replace(old, new)
    assert envelope != sealed.envelope
    with pytest.raises(PimError) as caught:
        read_envelope(envelope)
    assert caught.value.code == ErrorCode.BAD_BODY


def test_a_key_that_is_not_base64_or_too_short_is_no_key() -> None:
    sealed = seal()
    key = sealed.fields["key"].encode()
    assert refused(sealed, envelope=sealed.envelope.replace(key, b"%%%")) == ErrorCode.BAD_BODY
    assert refused(sealed, envelope=sealed.envelope.replace(key, b"QQ==")) == ErrorCode.BAD_KEYS
    short = encrypt_submission(
        submission(), form=FORM, version=VERSION, instance_id=ID, key=rsa_key(), secret=b"k" * 16
    )
    assert refused(short) == ErrorCode.SEAL_BROKEN


@pytest.mark.parametrize("namespace", [COLLECT, SPECIFIED, "", "urn:something:else"])
@pytest.mark.parametrize("version", [VERSION, None])
@pytest.mark.parametrize("media", [{}, {"1.jpg": b"x" * 4096}, MEDIA])
def test_a_whole_envelope_gives_back_the_same_bytes(
    namespace: str, version: str | None, media: dict[str, bytes]
) -> None:
    sealed = seal(version=version, namespace=namespace, media=media)
    assert open_(sealed) == Clear(submission(version=version), media)


def test_more_than_sixteen_files_wrap_the_vectors_around() -> None:
    media = {f"{number}.jpg": bytes([number]) * 40 for number in range(37)}
    assert open_(seal(media=media)).media == media


def test_names_and_answers_in_any_script_survive() -> None:
    media = {"ဓာတ်ပုံ ၁.jpg": b"\0" * 15, "صورة & co.png": b"\1" * 16}
    plain = submission(answer="ကိုအောင်")
    assert open_(seal(plain, media=media)) == Clear(plain, media)


def test_the_order_is_the_envelope_s_not_that_of_arrival() -> None:
    sealed = seal(media=MEDIA)
    late = dict(reversed(list(sealed.files.items())))
    assert open_(sealed, late).media == MEDIA


def test_an_older_key_still_opens_what_was_made_for_it() -> None:
    sealed = seal(key=rsa_key(1))
    assert open_(sealed, keys=(0, 1)).submission == submission()


@pytest.mark.parametrize("media", [{}, {"1.jpg": b"one"}, MEDIA])
@pytest.mark.parametrize("version", [VERSION, None])
def test_kobo_s_json_of_an_envelope_opens_too(media: dict[str, bytes], version: str | None) -> None:
    sealed = seal(media=media, version=version)
    assert open_(sealed, envelope=sealed.as_kobo()) == Clear(submission(version=version), media)


def test_kobo_s_json_does_not_hide_that_the_submission_is_another_form_s() -> None:
    sealed = seal(submission(form="hh"))
    assert refused(sealed, envelope=sealed.as_kobo()) == ErrorCode.SEAL_BROKEN


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    media=st.dictionaries(
        st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\"), min_size=1, max_size=20)
        .map(str.strip)
        .filter(lambda name: name not in ("", "submission.xml")),
        st.binary(max_size=100),
        max_size=20,
    ),
    instance_id=st.uuids().map(lambda one: f"uuid:{one}"),
    version=st.one_of(st.none(), st.from_regex(r"[0-9A-Za-z.\-]{1,12}", fullmatch=True)),
)
def test_whatever_is_encrypted_comes_back(media: dict[str, bytes], instance_id: str, version: str | None) -> None:
    sealed = seal(media=media, instance_id=instance_id, version=version)
    assert open_(sealed) == Clear(submission(version=version, instance_id=instance_id), media)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_single_changed_bit_goes_unnoticed(data: st.DataObject) -> None:
    sealed = _sealed_once()
    name = data.draw(st.sampled_from(sorted(sealed.files)))
    at = data.draw(st.integers(0, len(sealed.files[name]) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    content = bytearray(sealed.files[name])
    content[at] ^= bit
    with pytest.raises(PimError) as caught:
        open_(sealed, {**sealed.files, name: bytes(content)})
    assert caught.value.code == ErrorCode.SEAL_BROKEN


_ONE: list[Sealed] = []


def _sealed_once() -> Sealed:
    if not _ONE:
        _ONE.append(seal(media=MEDIA))
    return _ONE[0]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: f"<data encrypted='yes'>{text}".encode()))
)
def test_any_bytes_are_read_or_refused_in_words(body: bytes) -> None:
    with suppress(PimError):
        read_envelope(body)


def test_no_error_repeats_what_it_refuses() -> None:
    sealed = seal(media={"auntie canary.jpg": b"x"})
    changed = {**sealed.files, "auntie canary.jpg.enc": b"changed"}
    with pytest.raises(PimError) as caught:
        open_(sealed, changed)
    assert "canary" not in f"{caught.value} {caught.value!r} {read_envelope(sealed.envelope)!r}"
    assert base64.b64encode(b"x").decode() not in str(caught.value)
