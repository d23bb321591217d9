"""Phones: who may fetch forms and send to us, and which form versions phones are shown."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "phones",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("may_edit_all", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('account', 'device')", name="phone_kind_is_known"),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{1,38}[a-z0-9]$'", name="phone_name_is_plain"),
        sa.CheckConstraint(
            "revoked_at IS NOT NULL OR (kind = 'account') = (secret IS NOT NULL)", name="account_has_a_secret"
        ),
        sa.CheckConstraint(
            "revoked_at IS NOT NULL OR (kind = 'device') = (token_hash IS NOT NULL)", name="device_has_a_token"
        ),
        sa.CheckConstraint(
            "revoked_at IS NULL OR (secret IS NULL AND token_hash IS NULL)", name="revoked_phone_has_no_secret"
        ),
        sa.PrimaryKeyConstraint("id", name="phones_key"),
        sa.UniqueConstraint("token_hash", name="phones_unique_token_hash"),
    )
    op.create_index(
        "one_phone_of_a_name", "phones", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )
    op.create_table(
        "phone_forms",
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("form_id", sa.String(), nullable=False),
        sa.Column("stated", sa.String(), nullable=False),
        sa.Column("md5", sa.String(), nullable=False),
        sa.Column(
            "released_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(md5) = 32", name="phone_form_has_its_digest_in_hex"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="phone_forms_form_exists"),
        sa.ForeignKeyConstraint(["version"], ["form_versions.id"], name="phone_forms_version_exists"),
        sa.PrimaryKeyConstraint("version", name="phone_forms_key"),
    )
    op.create_index("phone_forms_by_form", "phone_forms", ["form", "released_at"])
    op.create_index("phone_forms_by_form_id", "phone_forms", ["form_id"])
    op.add_column("entries", sa.Column("phone", sa.Uuid(), nullable=True))
    op.add_column("entries", sa.Column("dropped_files", sa.Integer(), server_default="0", nullable=False))
    op.create_foreign_key("entries_phone_exists", "entries", "phones", ["phone"], ["id"])
    op.create_check_constraint("only_a_phone_s_entry_names_a_phone", "entries", "phone IS NULL OR via = 'phone'")


def downgrade() -> None:
    op.drop_constraint("only_a_phone_s_entry_names_a_phone", "entries")
    op.drop_constraint("entries_phone_exists", "entries")
    op.drop_column("entries", "dropped_files")
    op.drop_column("entries", "phone")
    op.drop_table("phone_forms")
    op.drop_table("phones")
