"""Proposals for the bank that were previewed and not confirmed yet are kept beside banks."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("bank_uploads", sa.Column("noun", sa.String(), server_default="bank", nullable=False))
    op.create_check_constraint("bank_upload_is_a_bank_or_proposals", "bank_uploads", "noun IN ('bank', 'proposals')")
    op.drop_constraint("bank_uploads_key", "bank_uploads")
    op.create_primary_key("bank_uploads_key", "bank_uploads", ["member", "noun"])


def downgrade() -> None:
    op.execute("DELETE FROM bank_uploads WHERE noun <> 'bank'")
    op.drop_constraint("bank_uploads_key", "bank_uploads")
    op.drop_constraint("bank_upload_is_a_bank_or_proposals", "bank_uploads")
    op.create_primary_key("bank_uploads_key", "bank_uploads", ["member"])
    op.drop_column("bank_uploads", "noun")
