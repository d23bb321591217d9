"""How a referral, its moves and its notices look to programs: codes, times and references, nothing of a person."""

from __future__ import annotations

from marshmallow import Schema, fields


class ReferralSchema(Schema):
    """One referral as a row of a list."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.String()
    pathway = fields.String()
    urgency = fields.String()
    course = fields.String()
    service = fields.String(allow_none=True)
    form = fields.String()
    place = fields.String(allow_none=True)
    possible_duplicate_of = fields.String(attribute="twin_row.reference", dump_default=None)
    due_at = fields.AwareDateTime(format="iso")
    created_at = fields.AwareDateTime(format="iso")
    moved_at = fields.AwareDateTime(format="iso")


class MoveSchema(Schema):
    """One change of state."""

    at = fields.AwareDateTime(format="iso")
    was = fields.String(allow_none=True)
    became = fields.String()
    reason = fields.String(allow_none=True)
    by = fields.String()


class NoticeSchema(Schema):
    """One notice: to which service, and what became of it. Never the address."""

    id = fields.UUID()
    kind = fields.String()
    service = fields.String(allow_none=True)
    channel = fields.String()
    state = fields.String()
    reason = fields.String(allow_none=True)
    attempts = fields.Integer()
    next_at = fields.AwareDateTime(format="iso")
    sent_at = fields.AwareDateTime(format="iso", allow_none=True)
