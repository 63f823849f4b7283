"""Name the commands of the program, from all its packages: the one module that may import every package.

The packages know only what lies below them: `reviewer.cli` is handed this table, and what starts another
process of the program (`serve`, `demo`) is handed the command line that does so, as `options.program`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from reviewer import cli
from reviewer.cli import Command

# Modules are named, not imported: `--help` must answer at once. A test holds that each can be imported.
COMMANDS: Final[dict[str, Command]] = {
    "local": Command("reviewer.local.command", "review the changes of the repository that you stand in"),
    "pr": Command("reviewer.ci.pr_command", "review any pull request; prints, or comments with --publish"),
    "ci": Command("reviewer.ci.command", "review the pull request of a GitHub Actions run"),
    "mcp": Command(
        "reviewer.mcp.command", "serve reviews to coding agents: MCP over standard input or HTTP", needs="mcp"
    ),
    "lsp": Command(
        "reviewer.lsp.command",
        "show findings in an editor: a language server on standard input and output",
        needs="lsp",
    ),
    "explain": Command("reviewer.local.explain", "show what would be sent where, to whom, why and at which price"),
    "hook": Command("reviewer.local.hook", "install, remove or show the git pre-push hook"),
    "models": Command(
        "reviewer.models.command",
        "list the models that can be used now, with prices, and why the rest cannot",
    ),
    "policy": Command("reviewer.local.policy_command", "check a policy file, show what holds, or print the schema"),
    "ledger": Command(
        "reviewer.ledger.command", "show spend, prepaid credit and calls whose bill did not arrive", needs="app"
    ),
    "usage": Command(
        "reviewer.ledger.books.usage_command",
        "show the five numbers, and spend by model, author or day",
        needs="app",
    ),
    "reviews": Command(
        "reviewer.ledger.books.reviews_command", "find reviews of the service, and show what one cost", needs="app"
    ),
    "bench": Command("reviewer.quality.command", "review pull requests whose problems are known, and count"),
    "demo": Command(
        "reviewer.demo.command",
        "review a sample pull request on a simulated GitHub, with recorded answers",
        needs="app",
    ),
    "serve": Command("reviewer.processes.serve", "run web, worker and clock in one command", needs="app"),
    "web": Command("webhooks.command", "run the web process only", needs="app"),
    "worker": Command("reviewer.processes.command", "run a worker only", needs="app"),
    "clock": Command(
        "reviewer.processes.command", "run the clock only: re-queues, redeliveries, expired leases", needs="app"
    ),
    "setup": Command("webhooks.setup_command", "create the GitHub App from its manifest and write its settings"),
    "doctor": Command(
        "webhooks.doctor.command", "check the whole set-up and name a remedy for each fault", needs="app"
    ),
    "migrate": Command("reviewer.processes.command", "bring the ledger's tables up to date", needs="app"),
}
# What starts this program again, whatever the name and place of its script.
PROGRAM: Final = (sys.executable, "-m", "kilo_review")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kilo-review`; the exit status follows the table in its help text."""
    return cli.main(COMMANDS, sys.argv[1:] if argv is None else argv, program=PROGRAM)


def uncommitted(argv: Sequence[str] | None = None) -> int:
    """Run `kilo-review-uncommitted`, the short name of `kilo-review local`."""
    arguments = sys.argv[1:] if argv is None else argv
    return cli.run_one(COMMANDS, "local", arguments, name="kilo-review-uncommitted", program=PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
