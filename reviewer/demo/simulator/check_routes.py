"""REST: check runs and their annotations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from reviewer.demo.simulator import pull_shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, invalid, listed, not_found, route
from reviewer.demo.simulator.state import CheckRun

ANNOTATIONS: Final = 50
OUTPUT_BYTES: Final = 65_535
STATUSES: Final = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS: Final = (
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out",
)  # fmt: skip
LEVELS: Final = ("notice", "warning", "failure")
RESOURCE: Final = "CheckRun"


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise GitHubError(422, f"Invalid request.\n\n{value!r} is not a valid date-time.") from None


def _output(call: Call, run: CheckRun, output: Mapping[str, Any]) -> None:
    for name in ("title", "summary"):
        if not isinstance(output.get(name), str):
            raise GitHubError(422, f"Invalid request.\n\nFor 'properties/output', \"{name}\" wasn't supplied.")
    for name in ("summary", "text"):
        if len(str(output.get(name) or "").encode()) > OUTPUT_BYTES:
            raise invalid(RESOURCE, name, "invalid", f"{name} exceeds a maximum bytesize of {OUTPUT_BYTES}")
    added = output.get("annotations") or []
    if len(added) > ANNOTATIONS:
        raise GitHubError(
            422,
            f"Invalid request.\n\nNo more than {ANNOTATIONS} items are allowed; {len(added)} were supplied.",
        )
    for row in added:
        if (
            not isinstance(row.get("path"), str)
            or not isinstance(row.get("message"), str)
            or row.get("annotation_level") not in LEVELS
            or not isinstance(row.get("start_line"), int)
            or not isinstance(row.get("end_line"), int)
            or not 1 <= row["start_line"] <= row["end_line"]
        ):
            raise GitHubError(422, "Invalid request.\n\nAn annotation lacks a field or has a wrong one.")
    run.title, run.summary = output["title"], output["summary"]
    run.text = output.get("text", run.text)
    # An update adds to the annotations that are there.
    run.annotations += added


def _apply(call: Call, run: CheckRun) -> None:
    now, body = call.hub.state.now(), call.body
    status = call.field("status", str, resource=RESOURCE)
    conclusion = call.field("conclusion", str, resource=RESOURCE)
    if status is not None and status not in STATUSES:
        raise GitHubError(422, "Invalid request.\n\nFor 'properties/status', no value of the enum matches.")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise GitHubError(422, "Invalid request.\n\nFor 'properties/conclusion', no value of the enum matches.")
    if status == "completed" and conclusion is None and run.conclusion is None:
        raise GitHubError(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    if isinstance(body.get("output"), dict):
        _output(call, run, body["output"])
    run.name = call.field("name", str, resource=RESOURCE) or run.name
    run.external_id = call.field("external_id", str, resource=RESOURCE) or run.external_id
    run.details_url = call.field("details_url", str, resource=RESOURCE) or run.details_url
    if started := call.field("started_at", str, resource=RESOURCE):
        run.started_at = _moment(started)
    if conclusion is not None:
        run.status, run.conclusion = "completed", conclusion
        completed = call.field("completed_at", str, resource=RESOURCE)
        run.completed_at = _moment(completed) if completed else now
    elif status is not None and status != run.status:
        run.status = status
        if status != "completed":
            run.conclusion = run.completed_at = None
    run.started_at = run.started_at or now


def _emit(call: Call, action: str, run: CheckRun) -> None:
    payload = {"check_run": pull_shapes.check_run(call.hub, run)}
    call.hub.emit("check_run", action, run.repository, call.actor, payload)


@route("POST", "/repos/<owner>/<repo>/check-runs", "checks:write")
def create_check_run(call: Call, owner: str, repo: str) -> Reply:
    """Create a check run on a commit of the repository."""
    repository, state = call.repository(owner, repo), call.hub.state
    name = call.field("name", str, resource=RESOURCE, required=True) or ""
    sha = call.field("head_sha", str, resource=RESOURCE, required=True) or ""
    if call.hub.data(repository).git.commit_of(sha) != sha:
        raise GitHubError(422, f"No commit found for SHA: {sha}")
    app = call.installation.app
    suite = state.check_suites.setdefault((repository.id, sha, app.id), state.next_id())
    run = CheckRun(state.next_id(), repository, app, name, sha, suite)
    _apply(call, run)
    state.check_runs[run.id] = run
    _emit(call, "created", run)
    return Reply(pull_shapes.check_run(call.hub, run), 201)


def _run(call: Call, owner: str, repo: str, run_id: int) -> CheckRun:
    repository = call.repository(owner, repo)
    found = call.hub.state.check_runs.get(run_id)
    if found is None or found.repository is not repository:
        raise not_found()
    return found


@route("GET", "/repos/<owner>/<repo>/check-runs/<int:run_id>", "checks:read")
def get_check_run(call: Call, owner: str, repo: str, run_id: int) -> Reply:
    """Answer one check run."""
    return Reply(pull_shapes.check_run(call.hub, _run(call, owner, repo, run_id)))


@route("PATCH", "/repos/<owner>/<repo>/check-runs/<int:run_id>", "checks:write")
def update_check_run(call: Call, owner: str, repo: str, run_id: int) -> Reply:
    """Change a check run of the same App."""
    run = _run(call, owner, repo, run_id)
    if run.app is not call.installation.app:
        raise GitHubError(403, "Invalid app_id - check run can only be modified by the GitHub App that created it.")
    before = run.status
    _apply(call, run)
    if run.status == "completed" and before != "completed":
        _emit(call, "completed", run)
    return Reply(pull_shapes.check_run(call.hub, run))


@route("GET", "/repos/<owner>/<repo>/check-runs/<int:run_id>/annotations", "checks:read")
def list_annotations(call: Call, owner: str, repo: str, run_id: int) -> Reply:
    """List a check run's annotations."""
    run = _run(call, owner, repo, run_id)

    def shape(row: Mapping[str, Any]) -> dict[str, Any]:
        names = ("start_column", "end_column", "title", "raw_details")
        return {
            **{name: row.get(name) for name in names},
            **{name: row[name] for name in ("path", "start_line", "end_line", "annotation_level", "message")},
            "blob_href": f"{call.hub.repo_url(run.repository)}/blob/{run.head_sha}/{row['path']}",
        }

    return listed(call, run.annotations, shape)


@route("POST", "/repos/<owner>/<repo>/check-runs/<int:run_id>/rerequest", "checks:write")
def rerequest(call: Call, owner: str, repo: str, run_id: int) -> Reply:
    """Ask the App to run a check again."""
    _emit(call, "rerequested", _run(call, owner, repo, run_id))
    return Reply({}, 201)


@route("GET", "/repos/<owner>/<repo>/commits/<path:ref>/check-runs", "checks:read")
def list_check_runs(call: Call, owner: str, repo: str, ref: str) -> Reply:
    """List the check runs of a commit; by default the latest of each name."""
    repository = call.repository(owner, repo)
    sha = call.hub.data(repository).git.commit_of(ref)
    if sha is None:
        raise GitHubError(422, f"No commit found for SHA: {ref}")
    rows = [
        run
        for run in call.hub.state.check_runs.values()
        if run.head_sha == sha and run.repository is repository and call.hub.state.listed(run.id)
    ]
    if name := call.query.get("check_name"):
        rows = [run for run in rows if run.name == name]
    if status := call.query.get("status"):
        rows = [run for run in rows if run.status == status]
    if app_id := call.query.get("app_id"):
        rows = [run for run in rows if str(run.app.id) == app_id]
    if call.query.get("filter", "latest") == "latest":
        rows = list({(run.app.id, run.name): run for run in rows}.values())
    rows.reverse()
    page, headers = call.page(rows)
    shaped = [pull_shapes.check_run(call.hub, run) for run in page]
    return Reply({"total_count": len(rows), "check_runs": shaped}, headers=headers)
