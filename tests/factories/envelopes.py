"""Encrypts submissions as ODK Collect does, from the steps of the specification alone: nothing of ours decrypts here.

CFB, OAEP and MGF1 are spelled out on bare AES and bare RSA, so that a shared mistake in a library's mode cannot hide.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

COLLECT = "http://www.opendatakit.org/xforms/encrypted"
"""What real phones write."""
SPECIFIED = "http://opendatakit.org/submissions"
"""What the specification says."""
_DIGEST = 32


@cache
def _made(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """A form's key pair, another for every number."""
    return _made(number)


def public_der(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_der(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _mask(seed: bytes, length: int) -> bytes:
    """MGF1 with SHA-256 (RFC 8017, B.2.1)."""
    blocks = (hashlib.sha256(seed + counter.to_bytes(4, "big")).digest() for counter in range(-(-length // _DIGEST)))
    return b"".join(blocks)[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def wrap(message: bytes, key: rsa.RSAPublicKey) -> bytes:
    """RSAES-OAEP with SHA-256, MGF1 with SHA-256 and an empty label (RFC 8017, 7.1.1)."""
    numbers, size = key.public_numbers(), key.key_size // 8
    block = hashlib.sha256(b"").digest() + bytes(size - len(message) - 2 * _DIGEST - 2) + b"\1" + message
    seed = secrets.token_bytes(_DIGEST)
    masked = _xor(block, _mask(seed, size - _DIGEST - 1))
    padded = b"\0" + _xor(seed, _mask(masked, _DIGEST)) + masked
    return pow(int.from_bytes(padded, "big"), numbers.e, numbers.n).to_bytes(size, "big")


def encrypt_file(plain: bytes, secret: bytes, vector: bytes) -> bytes:
    """AES-256 in CFB with whole blocks as feedback, over PKCS#7 padding."""
    block = Cipher(AES(secret), ECB()).encryptor()  # noqa: S305 - the bare block cipher, the mode is ours
    count = 16 - len(plain) % 16
    padded, before, out = plain + bytes([count]) * count, vector, []
    for at in range(0, len(padded), 16):
        before = _xor(padded[at : at + 16], block.update(before))
        out.append(before)
    return b"".join(out)


def list_vectors(instance_id: str, secret: bytes, count: int) -> list[bytes]:
    """Byte n mod 16 of the digest is raised by one before file n; what was raised stays raised."""
    digest = list(hashlib.md5(instance_id.encode("utf-8") + secret).digest())  # noqa: S324 - the specification's
    found = []
    for n in range(count):
        digest[n % 16] = (digest[n % 16] + 1) % 256
        found.append(bytes(digest))
    return found


@dataclass(frozen=True)
class Sealed:
    """An encrypted submission as it travels: the envelope, and the files beside it."""

    envelope: bytes
    files: Mapping[str, bytes]
    fields: Mapping[str, Any] = field(repr=False)
    """What stands in the envelope, by name."""

    def as_kobo(self, *, number: int = 15) -> bytes:
        """What a Kobo hook posts of it: the envelope's leaves as JSON; no root, so no version."""
        one, many = self.fields["media"][:1], [{"media/file": name} for name in self.fields["media"]]
        media = {"media": many} if len(many) > 1 else {"media/file": one[0]} if one else {}
        uuid = self.fields["instance_id"].removeprefix("uuid:")
        document = {
            "_id": number,
            "base64EncryptedKey": self.fields["key"],
            "orx:meta/orx:instanceID": self.fields["instance_id"],
            **media,
            "encryptedXmlFile": "submission.xml.enc",
            "base64EncryptedElementSignature": self.fields["signature"],
            "_xform_id_string": self.fields["form"],
            "_uuid": uuid,
            "meta/rootUuid": f"uuid:{uuid}",
            "_attachments": [
                {"media_file_basename": name, "filename": f"imo/attachments/{name}"} for name in self.files
            ],
            "_submitted_by": "imo",
        }
        return json.dumps(document, ensure_ascii=False).encode()


def encrypt_submission(
    submission: bytes,
    *,
    form: str,
    instance_id: str,
    key: rsa.RSAPrivateKey | rsa.RSAPublicKey,
    version: str | None = None,
    media: Mapping[str, bytes] | None = None,
    namespace: str = COLLECT,
    signed: Mapping[str, str] | None = None,
    secret: bytes = b"",
) -> Sealed:
    """A submission and its media as ODK Collect encrypts them. `signed` makes the signature speak of something else."""
    public = key.public_key() if isinstance(key, rsa.RSAPrivateKey) else key
    secret = secret or secrets.token_bytes(32)
    items = {**(media or {}), "submission.xml": submission}
    vectors = list_vectors(instance_id, secret, len(items))
    files = {
        f"{name}.enc": encrypt_file(plain, secret, v) for (name, plain), v in zip(items.items(), vectors, strict=True)
    }
    wrapped = base64.b64encode(wrap(secret, public)).decode()
    said = {"form": form, "version": version, "instance_id": instance_id, **(signed or {})}
    lines = [said["form"], *([said["version"]] if said["version"] else []), wrapped, said["instance_id"]]
    lines += [f"{name}::{hashlib.md5(plain).hexdigest()}" for name, plain in items.items()]  # noqa: S324
    text = "".join(f"{line}\n" for line in lines)
    signature = base64.b64encode(wrap(hashlib.md5(text.encode()).digest(), public)).decode()  # noqa: S324
    names = [f"{name}.enc" for name in media or {}]
    fields = {"form": form, "instance_id": instance_id, "key": wrapped, "signature": signature, "media": names}
    return Sealed(_write(fields, version=version, namespace=namespace), files, fields)


def _write(fields: Mapping[str, Any], *, version: str | None, namespace: str) -> bytes:
    stated = f" version={quoteattr(version)}" if version is not None else ""
    media = "".join(f"<media><file>{escape(name)}</file></media>" for name in fields["media"])
    return (
        f"<?xml version='1.0' encoding='UTF-8' ?>"
        f'<data xmlns="{namespace}" encrypted="yes" id={quoteattr(fields["form"])}{stated}>'
        f"<base64EncryptedKey>{fields['key']}</base64EncryptedKey>"
        f'<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>{escape(fields["instance_id"])}'
        f"</orx:instanceID></orx:meta>{media}"
        f"<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
        f"<base64EncryptedElementSignature>{fields['signature']}</base64EncryptedElementSignature></data>"
    ).encode()
