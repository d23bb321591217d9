"""One spelling for one number: what is made equal before a pseudonym is made of it."""

from __future__ import annotations

import unicodedata

NORMS = ("phone", "id", "text")
MIN_PHONE, MAX_PHONE = 6, 15
MIN_TEXT = 4


def fold_digits(text: str) -> str:
    """Digits of any script (Arabic-Indic, Persian, Burmese, full-width ...) as 0-9; everything else as it is."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _normalise_phone(text: str, country: str) -> str | None:
    folded = fold_digits(text).strip("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069 ")
    digits = "".join(sign for sign in folded if sign in "0123456789")
    if folded.startswith(("+", "\uff0b")):
        pass
    elif digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0") and country:
        digits = country + digits[1:]
    return digits if MIN_PHONE <= len(digits) <= MAX_PHONE else None


def _normalise_id(text: str) -> str | None:
    folded = unicodedata.normalize("NFKC", fold_digits(text)).upper()
    plain = "".join(sign for sign in folded if unicodedata.category(sign)[0] not in "ZC")
    return plain if len(plain) >= MIN_TEXT else None


def _normalise_text(text: str) -> str | None:
    folded = unicodedata.normalize("NFKC", fold_digits(text)).casefold()
    visible = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    plain = " ".join(visible.split())
    return plain if len(plain) >= MIN_TEXT else None


def normalise(text: str, norm: str, *, country: str = "") -> str | None:
    """The one spelling of a telephone number (digits, `00` and `+` taken away, a national 0 replaced by `country`),
    of an id (upper case, no spaces) or of a text (lower case, single spaces). None when too little is left to tell
    people apart: a pseudonym of that would be guessed."""
    if norm == "phone":
        return _normalise_phone(text, country)
    return _normalise_id(text) if norm == "id" else _normalise_text(text)
