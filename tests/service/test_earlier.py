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


def test_a_deleted_comment_is_not_still_open_and_its_finding_is_told_again(service: Rig) -> None:
    number = service.open()
    service.work()
    gone = service.shown(number).inline[0]
    with service.simulator.state.lock:
        del service.simulator.state.review_comments[gone.id]
    service.push(number, {"shop/tax.py": TAX})
    service.work()
    shown = service.shown(number)
    assert gone.id not in {row.id for row in shown.inline}
    assert f"discussion_r{gone.id}" not in shown.summary
    assert (gone.path, gone.original_line) in shown.lines
    assert shown.check.conclusion == "failure"
