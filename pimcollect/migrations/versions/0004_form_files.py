"""Files of a frozen version, and review notes about its questions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "form_files",
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("md5", sa.String(), nullable=False),
        sa.Column("is_entity_list", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            r"name !~ '[/\\[:cntrl:]]' AND name !~ '^\.' AND length(name) BETWEEN 1 AND 128",
            name="form_file_has_a_plain_name",
        ),
        sa.CheckConstraint("octet_length(content) = size", name="form_file_is_as_long_as_it_says"),
        sa.CheckConstraint("length(sha256) = 64 AND length(md5) = 32", name="form_file_has_its_digests_in_hex"),
        sa.ForeignKeyConstraint(["version"], ["form_versions.id"], name="form_files_version_exists"),
        sa.PrimaryKeyConstraint("version", "name", name="form_files_key"),
    )
    op.create_table(
        "form_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "length(text) BETWEEN 1 AND 2000 AND length(answer) <= 2000", name="form_note_says_something"
        ),
        sa.CheckConstraint(
            "(answer = '') = (answered_at IS NULL) AND (answer = '') = (answered_by = '')",
            name="form_note_is_answered_by_somebody_or_not_at_all",
        ),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="form_notes_form_exists"),
        sa.PrimaryKeyConstraint("id", name="form_notes_key"),
        sa.UniqueConstraint("number", name="form_notes_unique_number"),
    )
    op.create_index("form_notes_by_form", "form_notes", ["form"])


def downgrade() -> None:
    op.drop_table("form_notes")
    op.drop_table("form_files")
