"""Mail: encrypted where it can be, never a password in the open, and every refusal known for what it is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pimcollect.notifiers.base import Message, NotDelivered
from pimcollect.notifiers.email import MailChannel, _refusal
from tests.workers.postbox import Postbox, open_postbox

MESSAGE = Message("key-1", "a@example.org", "subject", "text with ümlauts and كلمات\n", is_urgent=True)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody vouches for, as relays on the same machine have."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "pem").write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with open_postbox() as box:
        yield box


def channel_to(box: Postbox, *, user: str = "", is_near: bool = True) -> MailChannel:
    channel = MailChannel(box.url.replace("//", f"//{user}@" if user else "//"), sender="PIM desk <pim@example.org>")
    channel._is_near = is_near
    return channel


def test_a_password_never_goes_over_an_open_wire(postbox: Postbox) -> None:
    channel = channel_to(postbox, user="user:secret", is_near=False)
    with pytest.raises(NotDelivered) as caught:
        channel.deliver(MESSAGE)
    channel.close()
    assert (caught.value.reason, caught.value.is_channel, postbox.raw) == ("login_needs_tls", True, [])


def test_a_certificate_that_nobody_vouches_for_is_refused_from_another_machine(tls: ssl.SSLContext) -> None:
    with open_postbox(tls=tls) as box:
        channel = channel_to(box, is_near=False)
        with pytest.raises(NotDelivered, match="tls_failed"):
            channel.deliver(MESSAGE)
        assert box.raw == []


def test_a_wrong_password_is_the_channels_trouble_not_the_mails(tls: ssl.SSLContext) -> None:
    with open_postbox(tls=tls, password="right") as box:
        with pytest.raises(NotDelivered) as caught:
            channel_to(box, user="user:wrong").deliver(MESSAGE)
        assert (caught.value.reason, caught.value.is_channel, caught.value.is_final) == ("login_refused", True, False)


def test_a_password_that_the_protocol_cannot_carry_is_refused_as_such(tls: ssl.SSLContext) -> None:
    with open_postbox(tls=tls, password="right") as box, pytest.raises(NotDelivered, match="login_refused"):
        channel_to(box, user="user:w%C3%B6rd").deliver(MESSAGE)


@pytest.mark.parametrize(
    ("code", "words", "reason", "is_final"),
    [
        (421, b"later", "deferred", False),
        (450, b"4.2.1 greylisted", "deferred", False),
        (550, b"5.7.1 relaying denied", "refused_for_now", False),
        (552, b"5.2.2 full", "refused_for_now", False),
        (554, b"5.3.4 too big just now", "refused_for_now", False),
        (550, b"5.1.1 unknown", "refused", True),
        (550, b"5.2.1 switched off", "refused", True),
        (550, b"no such user", "refused", True),
        (553, "5.1.3 bad", "refused", True),
        (550, b"5.1.1\r\n5.7.1 second line", "refused", True),
    ],
)
def test_only_the_address_itself_is_refused_for_good(code: int, words: bytes, reason: str, is_final: bool) -> None:
    refusal = _refusal(code, words)
    assert (refusal.reason, refusal.is_final, refusal.is_channel) == (reason, is_final, False)


@pytest.mark.parametrize("to", ["a@b.example\nBcc: all@example.org", "ä@b.example", "not an address\x00@b"])
def test_an_address_that_cannot_be_one_is_final_and_reaches_nobody(postbox: Postbox, to: str) -> None:
    channel = channel_to(postbox)
    with pytest.raises(NotDelivered) as caught:
        channel.deliver(Message("key", to, "subject", "text"))
    assert caught.value.is_final
    channel.deliver(MESSAGE)
    channel.close()
    assert postbox.receivers == ["a@example.org"]


def test_encrypted_and_logged_in_it_arrives(tls: ssl.SSLContext) -> None:
    with open_postbox(tls=tls, password="p@ss:w/rd") as box:
        channel = channel_to(box, user="user:p%40ss%3Aw%2Frd")
        channel.deliver(MESSAGE)
        channel.close()
        assert len(box.raw) == 1


def test_one_connection_carries_many_mails_and_is_opened_anew_when_cut(postbox: Postbox) -> None:
    channel = channel_to(postbox)
    channel.deliver(MESSAGE)
    first = channel._smtp
    channel.deliver(MESSAGE)
    assert channel._smtp is first
    assert first is not None
    assert first.sock is not None
    first.sock.close()
    channel.deliver(MESSAGE)
    channel.close()
    assert len(postbox.raw) == 3


def test_a_mail_says_who_what_and_that_a_machine_wrote_it(postbox: Postbox) -> None:
    channel = channel_to(postbox)
    channel.deliver(MESSAGE)
    channel.close()
    (mail,) = postbox.mails
    assert mail["From"] == "PIM desk <pim@example.org>"
    assert mail["Message-ID"] == "<key-1@example.org>"
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
    assert mail.get_content().splitlines() == MESSAGE.text.splitlines()
