"""How many deliveries of a hook in a row carried no question of consent at all."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.add_column("hooks", sa.Column("unasked", sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("hooks", "unasked")
