"""Members and their roles."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mail", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("login_id", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("mail = lower(mail)", name="member_mail_is_lower_case"),
        sa.CheckConstraint("mail LIKE '%@%'", name="member_mail_is_an_address"),
        sa.ForeignKeyConstraint(["service"], ["services.code"], name="members_service_exists"),
        sa.PrimaryKeyConstraint("id", name="members_key"),
        sa.UniqueConstraint("mail", name="members_unique_mail"),
        sa.UniqueConstraint("login_id", name="members_unique_login_id"),
    )
    op.create_index("members_by_service", "members", ["service"], unique=False)
    op.create_table(
        "member_roles",
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.CheckConstraint("role IN ('enumerator', 'monitor', 'imo', 'dpo', 'admin')", name="member_role_is_known"),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name="member_roles_member_exists"),
        sa.PrimaryKeyConstraint("member", "role", name="member_roles_key"),
    )


def downgrade() -> None:
    op.drop_table("member_roles")
    op.drop_index("members_by_service", table_name="members")
    op.drop_table("members")
