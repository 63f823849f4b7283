"""Which deliveries ask for a review, and for whom."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from reviewer.errors import DeliveryRefused
from reviewer.jobs.correction import HELP, USAGE, correction
from reviewer.jobs.payload import COMMANDS, JobPayload, Work
from reviewer.ledger.keys import ReviewKey
from tests.shared import ROOT, shared
from tests.webhooks.client import BASE, SHA, comment, pull_request, repository, rerun, user
from webhooks.delivery import Delivery, read_delivery
from webhooks.triggers import EVENTS, Ignored, Trigger, TriggerRules, decide

RULES = TriggerRules(app_id=12)


def delivery(event: str, payload: dict[str, Any], guid: str = "guid-1") -> Delivery:
    headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": guid, "Content-Type": "application/json"}
    return read_delivery(headers, json.dumps(payload).encode())


def decided(event: str, payload: dict[str, Any], rules: TriggerRules = RULES) -> Trigger | Ignored:
    return decide(delivery(event, payload), rules)


def test_an_opened_pull_request_is_a_request_with_the_key_of_its_head():
    request = decided("pull_request", pull_request())
    assert isinstance(request, Trigger)
    assert request.key == ReviewKey(5, 44, 1, SHA, "auto", base_sha=BASE)
    assert (request.repository, request.actor, request.needs_permission) == ("octo/shop", "ann", False)
    assert request.payload().to_json() == {
        "repository": "octo/shop",
        "event": "pull_request.opened",
        "delivery": "guid-1",
        "verb": "review",
        "strategy": "",
        "model": "",
        "comment_id": 0,
        "actor_id": 7,
        "updated_at": "2026-11-21T12:00:00Z",
        "outsider": False,
    }


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review"])
def test_the_same_head_is_the_same_work_however_it_came(action: str):
    request = decide(delivery("pull_request", pull_request(action), guid=action.replace("_", "-")), RULES)
    assert isinstance(request, Trigger)
    assert request.key == ReviewKey(5, 44, 1, SHA, "auto", base_sha=BASE)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (pull_request("labeled"), "labeled"),
        (pull_request("closed"), "closed"),
        (pull_request("edited"), "edited"),
        ({**pull_request(), "action": None}, "without action"),
        (pull_request("synchronize", state="closed"), "closed"),
    ],
)
def test_pull_requests_that_ask_for_nothing_are_ignored_with_the_reason(payload: dict[str, Any], reason: str):
    ignored = decided("pull_request", payload)
    assert isinstance(ignored, Ignored)
    assert reason in ignored.reason


def retargeted(base: str = BASE, changes: object = None) -> dict[str, Any]:
    changed = changes or {"base": {"ref": {"from": "main"}, "sha": {"from": SHA}}}
    return {**pull_request("edited", base={"sha": base}), "changes": changed}


def test_another_base_is_other_work_and_an_edited_title_is_none():
    one, other = (decided("pull_request", retargeted(sha)) for sha in (BASE, "b" * 40))
    assert isinstance(one, Trigger)
    assert isinstance(other, Trigger)
    assert (one.key.base_sha, other.key.base_sha) == (BASE, "b" * 40)
    assert one.key.automatic
    for changes in ({"title": {"from": "x"}}, {"base": None}):
        assert isinstance(decided("pull_request", retargeted(changes=changes)), Ignored)
    rules = TriggerRules(app_id=12, on=frozenset({"opened"}))
    assert isinstance(decided("pull_request", retargeted(), rules), Ignored)


def test_a_label_is_work_of_its_own_where_policy_says_so():
    rules = TriggerRules(app_id=12, on=frozenset({"labeled"}))
    request = decide(delivery("pull_request", pull_request("labeled"), "guid-3"), rules)
    assert isinstance(request, Trigger)
    assert request.key.trigger == "label:guid-3"
    assert not request.key.automatic


def labelled(name: str = "kilo", **more: Any) -> dict[str, Any]:
    return {**pull_request("labeled", **more), "label": {"name": name}}


@pytest.mark.parametrize("more", [{}, {"draft": True}, {"head": {"sha": SHA, "repo": {"id": 45}}}])
def test_the_label_kilo_asks_for_a_review_as_a_command_does(more: dict[str, Any]):
    rules = TriggerRules(app_id=12, review_forks=False, ignore_authors=frozenset({user()["login"].lower()}))
    request = decide(delivery("pull_request", labelled("Kilo", **more), "guid-4"), rules)
    assert isinstance(request, Trigger)
    assert (request.key.trigger, request.needs_permission) == ("asked:guid-4", True)
    assert not request.key.automatic


@pytest.mark.parametrize(
    "payload",
    [
        labelled("kilos"),
        labelled("kilo:skip"),
        labelled(state="closed"),
        labelled(sender=user("bot[bot]", type="Bot")),
        {**labelled(), "label": None},
        {**labelled(), "label": {"name": ["kilo"]}},
        {**labelled(), "action": "unlabeled"},
    ],
)
def test_no_other_label_no_bot_and_no_closed_pull_request_asks(payload: dict[str, Any]):
    assert isinstance(decided("pull_request", payload), Ignored)


def test_where_the_organisation_takes_no_commands_the_label_is_none():
    rules = TriggerRules(app_id=12, on=frozenset({"opened"}))
    assert isinstance(decided("pull_request", labelled(), rules), Ignored)


def test_policy_may_review_drafts():
    rules = TriggerRules(app_id=12, review_drafts=True)
    assert isinstance(decided("pull_request", pull_request(draft=True), rules), Trigger)


def test_policy_may_leave_forks_and_authors_to_commands():
    fork = pull_request(head={"sha": SHA, "repo": {"id": 45}})
    gone = pull_request(head={"sha": SHA, "repo": None})
    for payload in (fork, gone):
        assert isinstance(decided("pull_request", payload), Trigger)
        assert "forks by command only" in skipped(payload, TriggerRules(review_forks=False))
    by_bot = pull_request(user=user("Dependabot[bot]", 49699333, "Bot"))
    assert isinstance(decided("pull_request", by_bot), Trigger)
    ignoring = TriggerRules(ignore_authors=frozenset({"dependabot[bot]"}))
    assert "Dependabot[bot] by command only" in skipped(by_bot, ignoring)


def test_a_draft_is_told_that_it_is_not_reviewed():
    assert "is a draft" in skipped(pull_request(draft=True), RULES)
    closed = decided("pull_request", pull_request(draft=True, state="closed"))
    assert isinstance(closed, Ignored)


def skipped(payload: dict[str, Any], rules: TriggerRules) -> str:
    """The reason that the job is to tell; it is no review, and asks no model."""
    request = decided("pull_request", payload, rules)
    assert isinstance(request, Trigger)
    assert request.payload().verb is Work.SKIPPED
    assert not request.key.automatic
    return request.payload().problem


def test_policy_may_switch_triggers_off():
    rules = TriggerRules(app_id=12, on=frozenset({"opened"}))
    assert isinstance(decided("pull_request", pull_request("opened"), rules), Trigger)
    assert isinstance(decided("pull_request", pull_request("synchronize"), rules), Ignored)
    assert isinstance(decided("issue_comment", comment(), rules), Ignored)


def test_a_command_is_a_request_that_needs_permission_and_is_known_by_its_comment():
    request = decided("issue_comment", comment("/kilo review --strategy frontier --model a/b"))
    assert isinstance(request, Trigger)
    assert request.key == ReviewKey(5, 44, 1, "", "comment:900")
    assert request.needs_permission
    assert (
        request.payload().to_json() | {"strategy": "frontier", "model": "a/b", "comment_id": 900}
        == request.payload().to_json()
    )


def test_an_estimate_is_a_request_of_its_own_kind():
    request = decided("issue_comment", comment("/kilo estimate"))
    assert isinstance(request, Trigger)
    assert request.command.verb is Work.ESTIMATE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/kilo", "command"),
        ("/kilo dance @everyone", "command"),
        ("/kilo review --base-url x", "option"),
        ("/kilo review --strategy cheap", "strategy"),
        ("/kilo review --model $(id)", "model"),
    ],
)
def test_a_command_that_does_not_exist_is_answered_and_none_of_its_words_are_kept(text: str, problem: str):
    request = decided("issue_comment", comment(text))
    assert isinstance(request, Trigger)
    assert request.needs_permission
    assert (request.payload().to_json()["verb"], request.payload().to_json()["problem"]) == ("correction", problem)
    assert not any(
        word in str(request.payload().to_json()) for word in ("dance", "everyone", "base-url", "cheap", "$(id)")
    )


def test_a_bot_that_is_allowed_gets_no_answer_to_a_command_that_does_not_exist():
    rules = TriggerRules(app_id=12, allowed_bots=frozenset({66}))
    ignored = decided("issue_comment", comment("/kilo dance", author=user("ci[bot]", 66, "Bot")), rules)
    assert isinstance(ignored, Ignored)
    assert "use /kilo review" in ignored.reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (comment("nice work"), "no /kilo command"),
        (comment("> /kilo review"), "no /kilo command"),
        (comment("```\n/kilo review\n```"), "no /kilo command"),
        (comment(action="edited"), "new comment"),
        (comment(action="deleted"), "new comment"),
        (comment(issue={"number": 1, "state": "open"}), "not on a pull request"),
        (comment(issue={"number": 1, "state": "open", "pull_request": None}), "not on a pull request"),
        (comment(author=user("evil[bot]", 66, "Bot")), "bots"),
        (comment(author=user("ann[bot]", 66, "Bot")), "bots"),
        (comment(author=user("octo", 67, "Organization")), "bots"),
        (comment(author=user("ghost", 10137, "Mannequin")), "bots"),
        (comment(performed_via_github_app={"id": 12}), "our own"),
        (comment(performed_via_github_app={"id": 13}), "App"),
        (comment("/kilo dance", author=user("evil[bot]", 66, "Bot")), "bots"),
        (comment("/kilo dance", performed_via_github_app={"id": 12}), "our own"),
    ],
)
def test_comments_that_command_nothing_are_ignored_with_the_reason(payload: dict[str, Any], reason: str):
    ignored = decided("issue_comment", payload)
    assert isinstance(ignored, Ignored)
    assert reason in ignored.reason


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIMER", "MEMBER", "OWNER"])
def test_author_association_entitles_nobody(association: str):
    request = decided("issue_comment", comment(author_association=association))
    assert isinstance(request, Trigger)
    assert request.needs_permission


def test_a_bot_is_allowed_by_its_number_and_not_by_its_name():
    rules = TriggerRules(app_id=12, allowed_bots=frozenset({66}))
    allowed = decided("issue_comment", comment(author=user("ci[bot]", 66, "Bot")), rules)
    assert isinstance(allowed, Trigger)
    assert not allowed.needs_permission
    assert isinstance(decided("issue_comment", comment(author=user("ci[bot]", 67, "Bot")), rules), Ignored)


def test_a_rerun_of_our_check_is_a_request_per_press_of_the_button():
    request = decide(delivery("check_run", rerun(), "guid-9"), RULES)
    assert isinstance(request, Trigger)
    assert request.key == ReviewKey(5, 44, 1, SHA, "rerun:guid-9")
    assert request.needs_permission


def test_a_rerun_of_a_forks_check_is_known_by_what_we_wrote_on_it():
    # GitHub names no pull request there; what names another one is ours all the same.
    for named in ([], [{"number": 1}], [{"number": 1}, {"number": 2}]):
        request = decided("check_run", rerun(external_id="pr-7/review-30", pull_requests=named))
        assert isinstance(request, Trigger)
        assert request.key.number == 7


@pytest.mark.parametrize(
    "identity", ["", "30", "pr-x/review-1", "pr-7/review-1 ", "pr-" + "9" * 40 + "/review-1", None, 3]
)
def test_an_identity_that_is_not_ours_names_no_pull_request(identity: object):
    request = decided("check_run", rerun(external_id=identity, pull_requests=[]))
    assert isinstance(request, Trigger)
    # Every pull request of this head, as the ledger knows them.
    assert request.key.number == 0


def test_rerunning_all_checks_asks_for_the_pull_request_of_the_suite():
    suite = {"head_sha": SHA, "app": {"id": 12}, "pull_requests": [{"number": 4}]}
    payload = {**rerun(), "check_suite": suite}
    request = decided("check_suite", payload)
    assert isinstance(request, Trigger)
    assert (request.key.number, request.key.trigger, request.needs_permission) == (4, "rerun:guid-1", True)
    assert isinstance(decided("check_suite", {**payload, "action": "requested"}), Ignored)
    assert isinstance(decided("check_suite", {**payload, "check_suite": {**suite, "app": {"id": 1}}}), Ignored)


def test_a_merge_queue_asks_for_a_verdict_and_for_no_review():
    group = {"head_sha": SHA, "head_ref": f"refs/heads/gh-readonly-queue/release/2.x/pr-12-{BASE}"}
    payload = {**rerun(), "action": "checks_requested", "merge_group": group}
    request = decided("merge_group", payload)
    assert isinstance(request, Trigger)
    assert (request.key.number, request.key.head_sha, request.payload().verb) == (12, SHA, Work.MERGE_GROUP)
    assert not request.needs_permission
    assert isinstance(decided("merge_group", {**payload, "action": "destroyed"}), Ignored)
    assert isinstance(decided("merge_group", {**payload, "merge_group": {**group, "head_ref": "main"}}), Ignored)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (rerun(app={"id": 99}), "another App"),
        (rerun(app=None), "another App"),
        ({**rerun(), "action": "completed"}, "completed"),
        ({**rerun(), "sender": user("x[bot]", 3, "Bot")}, "bots"),
    ],
)
def test_other_check_runs_are_ignored(payload: dict[str, Any], reason: str):
    ignored = decided("check_run", payload)
    assert isinstance(ignored, Ignored)
    assert reason in ignored.reason


@pytest.mark.parametrize("event", ["installation", "push", "star", "meta", "something_new"])
def test_other_events_are_ignored_by_name(event: str):
    ignored = decided(event, {})
    assert isinstance(ignored, Ignored)
    assert event in ignored.reason


@pytest.mark.parametrize(
    "payload",
    [
        {**pull_request(), "installation": None},
        {**pull_request(), "repository": None},
        {**pull_request(), "pull_request": None},
        {**pull_request(), "pull_request": []},
        {**pull_request(), "sender": "ann"},
        {**pull_request(), "repository": repository(id=-1)},
        {**pull_request(), "repository": repository(full_name="../../etc/passwd")},
        {**pull_request(), "repository": repository(full_name="a/b/c")},
        {**pull_request(), "repository": repository(full_name="octo/sh\x00op")},
        {**pull_request(), "sender": user("a b")},
        pull_request(sha="HEAD"),
        pull_request(sha="--upload-pack=x"),
        pull_request(sha=SHA.upper()),
        pull_request(number=0),
        pull_request(head=None),
        pull_request(base=None),
        pull_request(base={"sha": "main"}),
    ],
)
def test_a_payload_of_a_known_event_that_cannot_be_used_is_refused(payload: dict[str, Any]):
    with pytest.raises(DeliveryRefused):
        decided("pull_request", payload)


@pytest.mark.contract
def test_every_official_payload_is_a_request_a_reason_or_a_refusal():
    events = json.loads(gzip.decompress(shared("contract/github-webhooks.json.gz").read_bytes()))
    seen: dict[str, int] = {}
    refused: list[tuple[str, bool]] = []
    for event in events:
        for number, example in enumerate(event["examples"]):
            try:
                outcome = decide(delivery(event["name"], example, f"guid-{number}"), RULES)
            except DeliveryRefused as refusal:
                refused.append((refusal.rule, "installation" in example))
                continue
            seen[type(outcome).__name__] = seen.get(type(outcome).__name__, 0) + 1
            if event["name"] not in EVENTS:
                assert isinstance(outcome, Ignored)
    # A repository's own webhook, not an App's: half of the examples are such.
    assert set(refused) == {("no-installation", False)}
    # Those with an installation: opened 3, synchronize 1, reopened 2, ready_for_review 1.
    assert seen["Trigger"] == 7


VERBS = ("review", "estimate", "explain", "dismiss", "fix", "pause", "resume", "cancel", "usage", "config", "help")


def in_thread(body: str = "/kilo explain", *, action: str = "created", **more: Any) -> dict[str, Any]:
    payload = comment(body, action=action, in_reply_to_id=17, **more)
    issue = payload.pop("issue")
    return {**payload, "pull_request": {"number": issue["number"], "state": "open"}}


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_taken_in_the_conversation_and_in_a_thread(verb: str):
    for event, payload, thread in (
        ("issue_comment", comment(f"/KILO {verb.upper()}"), 0),
        ("pull_request_review_comment", in_thread(f"/kilo {verb}"), 17),
    ):
        request = decided(event, payload)
        assert isinstance(request, Trigger)
        assert request.needs_permission
        work = JobPayload.from_json(request.payload().to_json())
        assert (work.verb.value, work.thread_id, work.problem) == (verb, thread, "")
        assert ("free" in request.payload().to_json()) == (verb not in ("review", "estimate", "fix"))


@pytest.mark.parametrize("verb", VERBS)
def test_no_command_is_taken_from_a_quote_a_fence_an_edit_an_issue_or_a_bot(verb: str):
    text = f"/kilo {verb}"
    issue = {"number": 1, "state": "open"}
    for payload, why in (
        (comment(f"> {text}"), "no /kilo command of its own"),
        (comment(f"```\n{text}\n```"), "no /kilo command of its own"),
        (comment(text, action="edited"), "only a new comment"),
        (comment(text, action="deleted"), "only a new comment"),
        (comment(text, issue=issue), "on an issue, not on a pull request"),
        (comment(text, author=user("ci[bot]", 66, "Bot")), "bot"),
        (comment(text, performed_via_github_app={"id": 12}), "our own"),
    ):
        ignored = decided("issue_comment", payload)
        assert isinstance(ignored, Ignored)
        assert why in ignored.reason
    for payload in (in_thread(f"> {text}"), in_thread(f"~~~\n{text}\n~~~"), in_thread(text, action="edited")):
        assert isinstance(decided("pull_request_review_comment", payload), Ignored)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/kilo", "There is no such command."),
        ("/kilo dance", "There is no such command."),
        ("/kilo review --now", "There is no such option."),
        ("/kilo review ../x", "A path is a file, a folder or a glob"),
        ("/kilo review --strategy cheap", "`--strategy` takes one of"),
        ("/kilo estimate --full", "There is no such option."),
        *((f"/kilo {verb} now", "This command takes no further words.") for verb in VERBS[5:]),
    ],
)
def test_what_is_malformed_is_answered_with_what_is_wrong_and_with_the_list(text: str, says: str):
    request = decided("issue_comment", comment(text))
    assert isinstance(request, Trigger)
    answer = correction(request.payload().problem)
    assert says in answer
    assert "Nothing was started." in answer
    assert all(f"\n    {usage}" in answer for usage in USAGE)


@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_pull_request_is_not_reviewed_and_questions_about_it_are_answered(verb: str):
    closed = {"number": 1, "state": "closed", "pull_request": {"url": "x"}}
    request = decided("issue_comment", comment(f"/kilo {verb}", issue=closed))
    assert isinstance(request, Trigger)
    refused = verb in ("review", "estimate", "fix", "resume")
    assert request.payload().problem == ("closed" if refused else "")


def test_the_reference_page_names_every_command_as_the_help_does():
    page = (ROOT / "docs/reference/commands.md").read_text()
    rows = dict(re.findall(r"^\| `(/kilo .*?)` \| (.*?) \|", page, re.MULTILINE))
    assert {usage.replace("\\|", "|"): words for usage, words in rows.items()} == HELP
    assert {usage.split()[1] for usage in USAGE} == set(VERBS) == {verb.value for verb in COMMANDS}
