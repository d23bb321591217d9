"""What went wrong, in a code for programs and in words for people: what, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable codes; tests and programs compare these, never the prose."""

    BAD_SETTING = "bad_setting"
    BAD_KEYS = "bad_keys"
    SEAL_BROKEN = "seal_broken"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    NOT_POSSIBLE_NOW = "not_possible_now"
    BAD_BANK = "bad_bank"
    BAD_FORM = "bad_form"
    CONSENT_NOT_NAMED = "consent_not_named"
    BAD_TREATMENT = "bad_treatment"
    BAD_EXPRESSION = "bad_expression"
    BAD_FILE = "bad_file"
    BAD_BODY = "bad_body"
    NOT_A_SUBMISSION = "not_a_submission"
    MAPPING_UNFIT = "mapping_unfit"
    NO_INSTANCE_ID = "no_instance_id"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a code, not a secret
    TOO_LARGE = "too_large"
    AWAY = "away"
    BAD_ADDRESS = "bad_address"
    BAD_ANSWER = "bad_answer"
    REFUSED = "refused"
    MANY_GONE = "many_gone"
    SHOWN_ALREADY = "shown_already"
    ALREADY_RUNNING = "already_running"
    NO_SERVER_BINARIES = "no_server_binaries"


class PimError(Exception):
    """An error that a person can act on.

    `message` says what is wrong and where; `remedy` says what to do. Neither may ever hold an answer,
    a name or any part of a body: pass field names, row numbers and codes only.
    """

    def __init__(self, code: ErrorCode, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class FaultyError(PimError):
    """An error that is a list of faults: pages tell the summary and each fault by itself."""

    def __init__(self, code: ErrorCode, summary: str, faults: Sequence[object], *, told: str, remedy: str) -> None:
        super().__init__(code, told, remedy=remedy)
        self.summary = summary
        self.faults = tuple(faults)
