"""Two more reasons why a phone is refused: too many wrong passwords, and a token over plain http."""

from alembic import op

revision = "0032"
down_revision = "0031"

_AT_HOOKS = "reason IN ('unknown', 'closed', 'wrong_secret', 'network', 'too_large')"
_BEFORE = (
    "'old_code', 'ended', 'unknown', 'unreadable', 'unknown_form', 'closed_form', 'too_large', 'not_yours',"
    " 'other_file'"
)


def upgrade() -> None:
    _limit(f"reason IN ('password', 'locked', 'overheard', {_BEFORE})")


def downgrade() -> None:
    for table in ("phone_refusals", "refusals"):
        op.execute(f"DELETE FROM {table} WHERE reason IN ('locked', 'overheard')")  # noqa: S608 - names of ours
    _limit(f"reason IN ('password', {_BEFORE})")


def _limit(at_phones: str) -> None:
    op.drop_constraint("refusal_is_for_a_reason", "refusals", type_="check")
    op.create_check_constraint(
        "refusal_is_for_a_reason", "refusals", f"door = 'hooks' AND {_AT_HOOKS} OR door = 'phones' AND {at_phones}"
    )
    op.drop_constraint("phone_is_refused_for_a_reason", "phone_refusals", type_="check")
    op.create_check_constraint(
        "phone_is_refused_for_a_reason", "phone_refusals", f"{at_phones} AND reason <> 'unknown'"
    )
