"""Ask GitHub what a person may do with a repository."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from reviewer.github.api import Api

# GitHub's roles in order. A custom role is reported as the role that it is built on.
ROLES: Final = ("none", "read", "triage", "write", "maintain", "admin")


def role_of(api: Api, repository: str, login: str) -> str:
    """Return the role of a person, one of ROLES; NotFound where GitHub knows no such person.

    Not `author_association`, which says CONTRIBUTOR of anyone with one merged change.
    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    answer = api.get(
        f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission",
        doing=f"say what {login} may do with {repository}",
        needs="metadata: read",
    )
    # `permission` knows the four oldest roles only: maintain shows as write, triage as read.
    for key in ("role_name", "permission"):
        if answer.get(key) in ROLES:
            return str(answer[key])
    return "none"
