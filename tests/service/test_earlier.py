"""What a later push makes of findings that stand on the pull request already."""

from __future__ import annotations

from tests.service.rig import ORDERS, TAX, Rig


def test_a_file_that_is_renamed_in_the_next_push_keeps_its_comments_and_gets_no_second_ones(service: Rig) -> None:
    number = service.open()
    service.work()
    before = service.shown(number)
    service.push(number, {"shop/orders.py": None, "shop/order_book.py": ORDERS})
    service.work()
    after = service.shown(number)
    assert {row.id for row in after.inline} == {row.id for row in before.inline}
    assert after.check.conclusion == "failure"
    assert after.summary.count("raised before, still open") == len(before.inline)


def test_a_deleted_comment_is_a_dismissal_and_its_finding_is_not_told_again(service: Rig) -> None:
    number = service.open()
    service.work()
    gone = service.shown(number).inline[0]
    service.simulator.delete_comment(gone)
    service.push(number, {"shop/tax.py": TAX})
    service.work()
    shown = service.shown(number)
    assert (gone.path, gone.original_line) not in shown.lines
    assert "dismissed before" in shown.summary
