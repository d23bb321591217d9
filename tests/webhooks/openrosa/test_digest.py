"""Digest: only a right answer to a nonce of ours, for this very request, is right."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.phones import REALM, hash_account
from tests.factories.collect import write_digest
from webhooks.openrosa.digest import (
    NONCE_SECONDS,
    is_fresh,
    is_ours,
    is_right,
    make_challenge,
    make_nonce,
    names_request,
    read_claim,
)

KEY = b"k" * 32
SECRET = hash_account("amina", "word")


def claim_header(**changes: str) -> str:
    challenge = {"realm": REALM, "nonce": make_nonce(KEY)}
    header = write_digest(challenge, method="GET", uri="/phones/formList?a=1", name="amina", password="word", count=1)
    for name, value in changes.items():
        before, _, after = header.partition(f"{name}=")
        _, _, rest = after.partition(", ")
        header = f"{before}{name}={value}, {rest}".removesuffix(", ")
    return header


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        "Basic abc",
        'Digest username="amina"',
        claim_header(realm='"another"'),
        claim_header(qop="auth-int"),
        claim_header(algorithm="SHA-256"),
        claim_header(nc="1"),
        claim_header(nc="zzzzzzzz"),
        claim_header() + ', username="other"',
        claim_header() + " <garbage>",
        claim_header() + "x" * 5000,
    ],
)
def test_a_header_that_is_not_what_was_asked_for_is_no_claim(header: str) -> None:
    assert read_claim(header) is None


@given(st.text(max_size=300))
def test_no_header_makes_the_reader_fail(text: str) -> None:
    read_claim(text)
    read_claim(f"Digest {text}")
    is_ours(text, KEY)
    names_request(text, path="/a", query=b"")


def test_a_nonce_is_believed_only_with_our_mark_and_for_its_time() -> None:
    nonce = make_nonce(KEY)
    assert is_fresh(nonce, KEY)
    assert not is_ours(nonce, b"another key")
    assert not is_ours(nonce[:-4] + "AAA=", KEY)
    old = make_nonce(KEY, now=time.time() - NONCE_SECONDS - 10)
    assert is_ours(old, KEY)
    assert not is_fresh(old, KEY)
    assert not is_fresh(make_nonce(KEY, now=time.time() + 3600), KEY)
    assert len({make_nonce(KEY) for _ in range(100)}) == 100


def test_the_response_binds_password_method_and_address() -> None:
    claim = read_claim(claim_header())
    assert claim is not None
    assert is_right(claim, method="GET", secret=SECRET)
    assert not is_right(claim, method="POST", secret=SECRET)
    assert not is_right(claim, method="GET", secret=hash_account("amina", "other"))
    moved = read_claim(claim_header(uri='"/phones/submission"'))
    assert moved is not None
    assert not is_right(moved, method="GET", secret=SECRET)


def test_the_address_counts_with_its_query_and_however_it_is_spelled() -> None:
    assert names_request("/phones/formList?a=%20b", path="/phones/formList", query=b"a= b")
    assert names_request("https://host/phones/formList?a=1", path="/phones/formList", query=b"a=1")
    assert names_request("/phones/%66ormList", path="/phones/formList", query=b"")
    assert not names_request("/phones/formList", path="/phones/formList", query=b"a=1")
    assert not names_request("/phones/formList?a=2", path="/phones/formList", query=b"a=1")
    assert not names_request("/phones/submission", path="/phones/formList", query=b"")


def test_the_example_of_the_standard_comes_out_as_the_standard_says() -> None:
    # RFC 2617, section 3.5: the same computation with other names
    from webhooks.openrosa.digest import Claim

    claim = Claim(
        username="Mufasa",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html",
        response="6629fae49393a05397450978507c4ef1",
        count=1,
        nc="00000001",
        cnonce="0a4f113b",
    )
    assert is_right(claim, method="GET", secret="939e7578ed9e3c518a452acee763bce9")


def test_a_challenge_says_what_phones_understand() -> None:
    challenge = make_challenge(KEY, is_stale=True)
    assert challenge.startswith(f'Digest realm="{REALM}", qop="auth", algorithm=MD5, nonce="')
    assert challenge.endswith("stale=true")
    assert "stale" not in make_challenge(KEY, is_stale=False)
