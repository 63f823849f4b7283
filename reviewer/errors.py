"""The error tree. Every error carries its data; none carries a secret.

KiloReviewError
├── RetryableError          trying again later may work; retry_after says when, where known
│   ├── GitHubUnavailable   GitHub did not answer, or answered 5xx
│   ├── RateLimited         GitHub or a provider asked us to wait
│   ├── ModelUnavailable    every allowed candidate of a tier failed for a passing reason
│   ├── LedgerUnavailable   the ledger cannot be read or written
│   ├── LeaseLost           another worker owns this review now
│   └── Superseded          the pull request moved on while this review was at work
├── PermanentError          trying again changes nothing until settings, policy or the repository change
│   ├── ConfigurationError  settings or policy are wrong; the text names the remedy
│   ├── NotFound            GitHub has no such repository, pull request or commit (or hides it)
│   ├── PermissionMissing   the App lacks a permission that the step needs
│   ├── RequestRejected     GitHub understood the request and refuses its content (406, 409, 422 …)
│   ├── DiffUnreadable      the diff is not a unified diff
│   └── GitFailed           a git command of ours failed
└── RefusedError            we will not do it; the rule says why
    ├── SignatureRefused    a delivery whose signature is missing or wrong
    ├── DeliveryRefused     a delivery that is malformed or too large
    ├── JobRefused          a job in the queue that this program did not write
    ├── BudgetRefused       no reservation: a limit would be passed
    ├── PolicyRefused       the provider policy forbids the model
    ├── PathRefused         a read outside the commits under review, or outside the folders that may be reviewed
    └── Cancelled           whoever asked for the review wants it no more
"""

from __future__ import annotations


class KiloReviewError(Exception):
    """Anything that this program expects to go wrong; its text is for the user and says what to do next."""

    exit_code = 3


class RetryableError(KiloReviewError):
    """A fault that may pass. `retry_after` is in seconds, None where it is unknown."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GitHubUnavailable(RetryableError):
    """GitHub did not answer, or answered 5xx; `status` is that answer, 0 for none: it may be at work still."""

    def __init__(self, message: str, *, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class RateLimited(RetryableError):
    """GitHub or a provider asked us to wait."""


class ModelUnavailable(RetryableError):
    """Every allowed candidate of a tier failed for a passing reason."""


class LedgerUnavailable(RetryableError):
    """The ledger cannot be read or written, so no money may be spent."""


class LeaseLost(RetryableError):
    """Another worker owns this review now; whatever this one holds must not be published."""


class Superseded(RetryableError):
    """The pull request moved on while this review was at work; `head` is the commit that it has now."""

    def __init__(self, head: str) -> None:
        super().__init__(f"superseded by {head[:7]} during the review")
        self.head = head


class PermanentError(KiloReviewError):
    """A fault that stays until settings, policy or the repository change."""


class ConfigurationError(PermanentError):
    """Settings or policy are wrong; `remedy` is the sentence that says what to do."""

    exit_code = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{message}\n{remedy}" if remedy else message)
        self.remedy = remedy


class NotFound(PermanentError):
    """GitHub has no such thing, or does not show it to this installation."""


class PermissionMissing(PermanentError):
    """The App lacks a permission; `permission` is GitHub's name for it."""

    def __init__(self, message: str, *, permission: str = "") -> None:
        super().__init__(message)
        self.permission = permission


class RequestRejected(PermanentError):
    """GitHub understood the request and refuses its content; `status` is HTTP's, `errors` are its own words."""

    def __init__(self, message: str, *, status: int, errors: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors


class DiffUnreadable(PermanentError):
    """The text is not a unified diff; `line_no` is where reading stopped, 1-based."""

    def __init__(self, message: str, *, line_no: int = 0) -> None:
        super().__init__(message)
        self.line_no = line_no


class GitFailed(PermanentError):
    """A git command of ours failed; `status` is its exit status, `detail` its own words, `late` a time-out."""

    def __init__(self, message: str, *, status: int = 0, detail: str = "", late: bool = False) -> None:
        super().__init__(message)
        self.late = late
        self.status = status
        self.detail = detail


class RefusedError(KiloReviewError):
    """We will not do it; `rule` is the machine-readable name of the rule."""

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class SignatureRefused(RefusedError):
    """A delivery whose signature is missing or wrong."""


class DeliveryRefused(RefusedError):
    """A delivery that is malformed or too large; `status` is the HTTP answer, 4xx."""

    def __init__(self, message: str, *, rule: str, status: int = 400) -> None:
        super().__init__(message, rule=rule)
        self.status = status


class JobRefused(RefusedError):
    """A job in the queue that this program did not write; its text never quotes the job."""

    def __init__(self, message: str) -> None:
        super().__init__(message, rule="foreign-job")


class BudgetRefused(RefusedError):
    """No reservation: `rule` names the limit that would be passed."""

    exit_code = 4


class PolicyRefused(RefusedError):
    """The provider policy forbids the model; `rule` names the line of policy."""


class PathRefused(RefusedError):
    """A read outside the trees of the commits under review, or outside the folders that may be reviewed."""


class Cancelled(RefusedError):
    """Whoever asked for the review wants it no more."""

    def __init__(self) -> None:
        super().__init__("the review was cancelled", rule="cancelled")
