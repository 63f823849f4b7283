"""Accept from Redis only jobs that this program wrote: a writer to Redis must not be able to run code.

RQ imports and calls the function that a job's record names, and the callbacks and web addresses that it names. The
worker of this project holds the App's private key, so it reads every record through `ReviewJob`: fields that
we never write are left out, and a function or an argument that is not ours is refused before anything is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from rq.exceptions import DeserializationError
from rq.job import Job

from reviewer.errors import JobRefused

# What RQ calls with the review id, by the word that begins the job's id.
JOBS: Final = {"review": "reviewer.processes.jobs.run_review", "notice": "reviewer.processes.jobs.post_notice"}
# RQ stops a job that runs longer than this, in seconds.
JOB_SECONDS: Final = 30 * 60
# The fields of RQ's record that may have an effect. Left out: callbacks, webhooks, dependencies, repeats, rate
# limits and meta data, each of which can name code, an address or another record.
FIELDS: Final = frozenset(
    {
        *("data", "status", "origin", "description", "worker_name", "timeout", "result_ttl", "failure_ttl"),
        *("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"),
        *("number_of_retries", "retries_left", "exc_info"),
    }
)


class ReviewJob(Job):
    """RQ's job, with one of our functions and a review id as its only argument.

    `functions` are the dotted names that may be called.
    """

    functions: ClassVar[frozenset[str]] = frozenset(JOBS.values())

    def restore(self, raw_data: Mapping[bytes, bytes]) -> Any:
        """Read the record from Redis without the fields that we never write."""
        restored = super().restore({name: value for name, value in raw_data.items() if _text(name) in FIELDS})
        self.timeout = min(self.timeout or JOB_SECONDS, JOB_SECONDS)
        return restored

    @property
    def func(self) -> Any:
        """Return the function to call; JobRefused where it, or its argument, is not ours."""
        self.review_id  # noqa: B018 - checks the arguments and the name
        return super().func

    @property
    def review_id(self) -> int:
        """Return the review that the job is about; JobRefused where the record is not one of ours."""
        try:
            name, instance, arguments, named = self.func_name, self.instance, self.args, self.kwargs
        except (DeserializationError, TypeError, ValueError) as error:
            # A record that cannot be decoded: RQ's error may quote it, and its text is foreign.
            raise JobRefused(f"its data cannot be read ({type(error).__name__})") from None
        if instance is not None or not isinstance(name, str) or name not in self.functions:
            raise JobRefused("it names a function that is not one of ours")
        match arguments:
            case [int(number)] if number > 0 and not isinstance(number, bool) and not named:
                return number
        raise JobRefused("its argument is not a review id")


def _text(name: bytes | str) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else name
