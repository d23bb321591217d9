"""Words that tell, in several languages, that a question asks who somebody is, how old, or whether they agree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")


def _list(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


def fold(text: str) -> str:
    """Lower case, one spelling of each character, no accents: `Prénom` and `prenom` are one word."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", "".join(sign for sign in decomposed if not unicodedata.combining(sign)))


_TOPICS = {
    "names": _list(
        """name names surname fullname firstname lastname nickname alias nom noms prenom prenoms nombre nombres apellido
        apellidos nome sobrenome isim ism jina имя фамилия отчество прізвище اسم الاسم لقب اللقب اسمك
        enumerator interviewer surveyor signature"""
    ),
    "contacts": _list(
        """phone phones telephone tel mobile cell cellphone whatsapp telegram viber facebook telefono telefone celular
        movil portable telno msisdn телефон هاتف الهاتف جوال الجوال جوالك هاتفك
        موبايل تلفون تلفونك simu email mail courriel correo imei
        gps coordinates address adresse direccion endereco adres адрес عنوان العنوان"""
    ),
    "papers": _list(
        """nrc nid nin nic cnic dni cedula curp ssn passport passeport pasaporte passaporte паспорт جواز هوية الهوية
        هويتك جوازك بطاقة بطاقتك identity idcard idnumber nationalid unhcr progres iban account biometric fingerprint"""
    ),
    "births": _list("dob birth birthday birthdate born naissance nacimiento nascimento рождения ميلاد الميلاد"),
    "ages": _list("age ages aged edad idade eta alter umri umur yas wiek возраст вік عمر العمر عمرك سن السن"),
    "months": _list("month months mois mes meses monat monate месяцев شهر أشهر بالأشهر"),
    "agrees": _list(
        """consent consents agree agrees agreed agreement accept accepts willing permission consentement accord accepte
        acceptez consentimiento acepta aceptas acuerdo consentimento concorda согласие согласны згода موافق موافقة توافق
        الموافقة أوافق"""
    ),
}
_BURMESE = {
    "names": ("အမည်", "နာမည်"),
    "contacts": ("ဖုန်း", "လိပ်စာ"),
    "papers": ("မှတ်ပုံတင်",),
    "ages": ("အသက်",),
    "agrees": ("သဘောတူ",),
}
"""Burmese is written without spaces: looked for inside the text."""

_BURMESE_FOLDED = {name: tuple(fold(word) for word in words) for name, words in _BURMESE.items()}

_YES_CODES = _list("yes y oui o si sí sim ja da naam نعم true agree agreed consent accepted 1")
_YES_LABELS = tuple(
    fold(label)
    for label in ("yes", "oui", "si", "sim", "ja", "да", "так", "نعم", "أوافق", "موافق", "ဟုတ်", "agree", "i agree")
)
_COUNTS = tuple(
    fold(start)
    for start in (
        "how many",
        "number of",
        "combien",
        "nombre de",
        "nombre d",
        "cuantos",
        "cuantas",
        "numero de",
        "quantos",
        "كم",
        "عدد",
    )
)
_NUMBERS = tuple(fold(start) for start in ("number of", "numero de", "numero da", "numero do", "رقم"))
_AGE_QUESTIONS = tuple(
    fold(start)
    for start in (
        "how old",
        "how many years old",
        "cuantos años tiene",
        "quantos anos tem",
        "كم عمر",
        "كم العمر",
        "كم سن",
    )
)


def words_of(text: str) -> list[str]:
    """The words of a question's name or label; `phone_no` and `phoneNo` are two words each."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return _WORD.findall(fold(split))


def speaks_of(topic: str, texts: Iterable[str]) -> bool:
    """True when one of the texts has a word of the topic: names, contacts, papers, births, ages, months or agrees."""
    words, inside = _TOPICS[topic], _BURMESE_FOLDED.get(topic, ())
    for text in texts:
        folded = fold(text)
        if not words.isdisjoint(words_of(text)) or any(piece in folded for piece in inside):
            return True
    return False


def asks_age(name: str, labels: Iterable[str]) -> bool:
    """True for a question about somebody's age; how many people of some age there are is another question."""
    told = list(labels)
    if speaks_of("ages", (name,)) or any(_start(label).startswith(_AGE_QUESTIONS) for label in told):
        return True
    return not is_count(told) and speaks_of("ages", told)


def is_count(labels: Iterable[str]) -> bool:
    """True when a label asks how many there are (and not how many years somebody has)."""
    starts = [_start(label) for label in labels]
    return any(start.startswith(_COUNTS) and not start.startswith(_AGE_QUESTIONS) for start in starts)


def is_document_number(labels: Iterable[str]) -> bool:
    """True when a label asks for the number of a paper: `Number of your passport` counts nothing."""
    return any(_start(label).startswith(_NUMBERS) and speaks_of("papers", (label,)) for label in labels)


def _start(label: str) -> str:
    return fold(label).lstrip(" ¿*0123456789.)")


def is_yes(code: str, labels: Iterable[str]) -> bool:
    """True when a choice means yes: by its code, or by its label where the code is only a number."""
    folded = fold(code)
    said = [fold(label).strip(" .!,") for label in labels]
    if folded.isdigit() and said:
        return any(label == yes or label.startswith((f"{yes} ", f"{yes},")) for label in said for yes in _YES_LABELS)
    return folded in _YES_CODES
