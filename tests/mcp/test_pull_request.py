"""A pull request of the simulated GitHub, reviewed by way of the tools: nothing is published."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.ci.test_command import READ, token, with_model
from tests.git_folder import ENV
from tests.mcp.client import call, over_stdio, refused
from tests.service.rig import REPOSITORY, rig


def test_a_pull_request_is_reviewed_and_a_dismissed_finding_is_not_shown_again(tmp_path: Path):
    async def run(env: dict[str, str], number: int) -> None:
        target = f"{REPOSITORY}#{number}"
        async with over_stdio(env, cwd=str(tmp_path)) as client:
            assert "GitHub shows no pull request" in await refused(
                client, "review_pull_request", pull_request=f"{REPOSITORY}#{number + 99}"
            )
            answer = await call(client, "review_pull_request", pull_request=target)
            assert (answer["target"], len(answer["findings"]), answer["next"]) == (target, 3, "fix")
            one = answer["findings"][0]["id"]
            await call(client, "dismiss_finding", id=one, reason="known")
            again = await call(client, "review_pull_request", pull_request=target, budget=1)
            assert (len(again["findings"]), again["dismissed"], again["budget_usd"]) == (2, 1, 1)

    with rig(tmp_path / "rig") as service:
        service.simulator.app.webhook_url = ""
        number = service.open()
        env = {
            **ENV,
            **with_model(service),
            "HOME": str(tmp_path),
            "KILO_REVIEW_CACHE_DIR": str(tmp_path / "cache"),
            "KILO_REVIEW_POLICY": str(service.settings.policy_file),
            "GITHUB_API_URL": service.simulator.url,
            "GITHUB_TOKEN": token(service, READ),
        }
        anyio.run(run, env, number)
        assert service.simulator.issue_comments(REPOSITORY, number) == []
        assert service.simulator.review_comments(REPOSITORY, number) == []
