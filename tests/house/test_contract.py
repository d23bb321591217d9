"""The contract: every fault F01 to F30 is in the table once, with what is expected and an experiment of its own."""

from __future__ import annotations

from tests.faults.table import TABLE


def test_every_fault_of_the_contract_has_its_experiment() -> None:
    assert [fault.code for fault in TABLE] == [f"F{number:02d}" for number in range(1, 31)]
    assert len({fault.run for fault in TABLE}) == len(TABLE)
    assert all(fault.what and fault.done and fault.expected for fault in TABLE)


def test_every_fault_stands_in_the_table_that_people_read() -> None:
    from tests.house.ground import read_text

    page = read_text("docs/contract.md")
    assert [fault.code for fault in TABLE if f"| {fault.code} |" not in page] == []
