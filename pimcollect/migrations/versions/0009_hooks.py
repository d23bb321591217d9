"""Hooks of more senders: secret in the address, networks, mappings, and what came to each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.add_column(
        "hooks", sa.Column("is_secret_in_address", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("hooks", sa.Column("networks", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column("hooks", sa.Column("mapping", _JSON, nullable=True))
    for name in ("arrived", "refused"):
        op.add_column("hooks", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
        op.add_column("hooks", sa.Column(f"{name}_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("a_mapped_hook_has_its_mapping", "hooks", "(server = 'mapped') = (mapping IS NOT NULL)")


def downgrade() -> None:
    op.drop_constraint("a_mapped_hook_has_its_mapping", "hooks")
    for name in ("refused_at", "refused", "arrived_at", "arrived", "mapping", "networks", "is_secret_in_address"):
        op.drop_column("hooks", name)
