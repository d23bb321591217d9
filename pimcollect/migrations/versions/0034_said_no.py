"""Of a refusal: that somebody said no, so that no other copy of that edition brings its answers back."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    # a constant default: no row is rewritten. Of refusals from before nothing tells which were said: a person decides
    op.add_column("submissions", sa.Column("said_no", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column("submissions", "said_no")
