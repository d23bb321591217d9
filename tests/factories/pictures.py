"""Pictures and what pretends to be one: every place where a telephone or a stranger can hide something."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image, PngImagePlugin

CANARY = b"Canary Nadia 23.8859N"
EXIF_GPS, EXIF_ORIENTATION = 0x8825, 0x0112


def draw(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A picture whose left and right halves differ, so that turning it is seen."""
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    picture.paste((30, 30, 200), (0, 0, width // 2, height))
    return picture.convert(mode)


def write(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **more)
    return buffer.getvalue()


def insert_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment right behind its start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def exif(*, orientation: int = 1) -> bytes:
    """EXIF with a position, a description and an own thumbnail."""
    made = Image.Exif()
    made[0x010E] = CANARY.decode()
    made[EXIF_ORIENTATION] = orientation
    gps = made.get_ifd(EXIF_GPS)
    gps[1], gps[2] = "N", (23.0, 53.0, 9.0)
    return made.tobytes()


def telling_jpeg(*, orientation: int = 1) -> bytes:
    """A JPEG that tells in every place that it has: EXIF, XMP, IPTC, profile, comment, thumbnail, behind its end."""
    made = write(draw(), exif=exif(orientation=orientation), comment=CANARY, icc_profile=CANARY * 4)
    made = insert_segment(made, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + CANARY + b"</x:xmpmeta>")
    made = insert_segment(made, 0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20" + CANARY)
    made = insert_segment(made, 0xE2, b"MPF\0" + CANARY)
    made = insert_segment(made, 0xEB, CANARY + write(draw(8, 8)))
    return made + CANARY


def telling_png() -> bytes:
    """A PNG with text, compressed text, EXIF, a time and bytes after its end."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", CANARY.decode())
    info.add_text("Comment", CANARY.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", CANARY.decode())
    return write(draw(mode="RGBA"), "PNG", pnginfo=info, exif=exif()) + CANARY


def telling_webp() -> bytes:
    """A WEBP with EXIF and XMP."""
    return write(draw(), "WEBP", exif=exif(), xmp=b"<x:xmpmeta>" + CANARY + b"</x:xmpmeta>")


def bomb_png(side: int = 40_000) -> bytes:
    """A small PNG file that claims 40,000 x 40,000 points, and would deliver them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = zlib.compress(bytes(1 + side // 8) * 64, 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("evil.txt", "x" * 100)
    return buffer.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
PROGRAM = b"MZ\x90\0" + bytes(60)
SOUND = b"ID3\x04\0\0" + bytes(64)
FILM = b"\0\0\0\x20ftypisom" + bytes(64)
