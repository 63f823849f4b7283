"""Secret paths: files whose content never goes to a model as context, whatever the reason to look at them."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(
    r"""(?: ^ | / ) (?:
        \.env (?: \. (?! (?: example | sample | template | dist | defaults | test | schema ) $ ) [^/]* )?
      | (?! [^/]* (?: example | sample | template | dist ) ) [^/]+ \.env
      | \.envrc | \.netrc | _netrc | \.npmrc | \.pypirc | \.pgpass | \.my\.cnf | \.htpasswd | \.dockercfg
      | \.git-credentials | \.terraformrc | \.vault-token | \.boto | \.s3cfg
      | id_(?: rsa | dsa | ecdsa | ecdsa_sk | ed25519 | ed25519_sk )
      | [^/]+ \. (?: pem | key | p8 | p12 | pfx | jks | keystore | kdbx | ppk | ovpn | agekey )
      | terraform \. tfstate [^/]* | [^/]+ \. tfvars
      | credentials | credentials\.json | service[-_]account[^/]*\.json | client_secret[^/]*\.json
      | master\.key | secrets?\.(?: ya?ml | json | toml | env | ini )
      | \.(?: aws | ssh | gnupg | kube | docker | azure ) / .+
    ) $""",
    re.VERBOSE | re.IGNORECASE,
)


def is_secret_path(path: str) -> bool:
    """Return whether a file usually holds credentials: .env files, private keys, tool credentials.

    >>> is_secret_path("deploy/.env.production"), is_secret_path(".env.example")
    (True, False)
    """
    return _SECRET.search(path) is not None
