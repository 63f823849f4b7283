"""Write a review to its pull request with a token: inline comments, summary and check, each once."""

from __future__ import annotations

from reviewer.ci.access import TokenAccess
from reviewer.ci.review import Reviewed
from reviewer.publish.check_runs import external_id
from reviewer.publish.publisher import Posted, publish
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings


def post(access: TokenAccess, reviewed: Reviewed, settings: Settings) -> Posted:
    """Publish a review; run again, it posts nothing twice.

    Raises PermissionMissing where the token may write nothing at all, as that of a run for a fork.
    """
    return publish(
        reviewed.document.review,
        reviewed.pr,
        access.github,
        verdict=reviewed.document.verdict,
        identity=access.identity(reviewed.pr),
        fence=lambda: None,
        secrets=OwnSecrets(settings.secrets()),
        external_id=external_id(reviewed.pr.number, 0),
    )
