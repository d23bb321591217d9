"""An envelope whose cryptography is Java's own, with the names of the algorithms that ODK Collect uses."""

from __future__ import annotations

import base64
import hashlib

import pytest

from pimcollect.servers.envelope import open_envelope, read_envelope
from tests.engines.filled import need
from tests.engines.javarosa import load_engine
from tests.factories.envelopes import public_der, rsa_key

ID = "uuid:0b5f6f3e-7a52-4f0a-9a3b-1f1c0f9f2d11"
PLAIN = f'<data id="hh"><meta><instanceID>{ID}</instanceID></meta></data>'.encode()
PHOTO = bytes(range(256)) * 3


def md5(content: bytes) -> bytes:
    """The specification's digest; it guards nothing by itself."""
    return hashlib.md5(content, usedforsecurity=False).digest()


class Phone:
    """javax.crypto as Collect calls it."""

    def __init__(self, public: bytes) -> None:
        java = need(load_engine).java
        self.cipher, self.java = java("javax.crypto.Cipher"), java
        spec = java("java.security.spec.X509EncodedKeySpec")(public)
        self.public = java("java.security.KeyFactory").getInstance("RSA").generatePublic(spec)
        mask = java("java.security.spec.MGF1ParameterSpec").SHA256
        source = java("javax.crypto.spec.PSource$PSpecified").DEFAULT
        self.padding = java("javax.crypto.spec.OAEPParameterSpec")("SHA-256", "MGF1", mask, source)
        generator = java("javax.crypto.KeyGenerator").getInstance("AES")
        generator.init(256)
        self.secret = generator.generateKey()

    def wrap(self, message: bytes) -> bytes:
        cipher = self.cipher.getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding")
        cipher.init(self.cipher.ENCRYPT_MODE, self.public, self.padding)
        return bytes(cipher.doFinal(message))

    def encrypt(self, plain: bytes, vector: bytes) -> bytes:
        cipher = self.cipher.getInstance("AES/CFB/PKCS5Padding")
        cipher.init(self.cipher.ENCRYPT_MODE, self.secret, self.java("javax.crypto.spec.IvParameterSpec")(vector))
        return bytes(cipher.doFinal(plain))


@pytest.mark.engine
def test_what_java_encrypts_is_opened() -> None:
    phone = Phone(public_der(rsa_key()))
    secret = bytes(phone.secret.getEncoded())
    seed = bytearray(md5(ID.encode() + secret))
    seed[0] = (seed[0] + 1) % 256
    files = {"1.jpg.enc": phone.encrypt(PHOTO, bytes(seed))}
    seed[1] = (seed[1] + 1) % 256
    files["submission.xml.enc"] = phone.encrypt(PLAIN, bytes(seed))
    wrapped = base64.b64encode(phone.wrap(secret)).decode()
    lines = ["hh", wrapped, ID]
    lines += [f"{name}::{md5(what).hex()}" for name, what in (("1.jpg", PHOTO), ("submission.xml", PLAIN))]
    signed = phone.wrap(md5("".join(f"{line}\n" for line in lines).encode()))
    envelope = (
        f'<data xmlns="http://www.opendatakit.org/xforms/encrypted" id="hh" encrypted="yes">'
        f"<base64EncryptedKey>{wrapped}</base64EncryptedKey>"
        f'<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>{ID}</orx:instanceID></orx:meta>'
        f"<media><file>1.jpg.enc</file></media><encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
        f"<base64EncryptedElementSignature>{base64.b64encode(signed).decode()}</base64EncryptedElementSignature></data>"
    )
    contents = open_envelope(read_envelope(envelope.encode()), files.__getitem__, keys=[rsa_key()])
    assert (contents.submission, contents.media, contents.open_media("1.jpg")) == (PLAIN, ("1.jpg",), PHOTO)
