"""Enqueue: RQ's own record of a job, prepared once, so that an accepted delivery costs one short round trip.

RQ builds and sends two dozen fields for every job, of which all but four are the same for every review.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from redis.commands.core import Script
    from rq import Queue

# What may stand in the script as a word of it; RQ's fields and our constants never hold more.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:\[\]-]*")
_OWN: Final = frozenset({"created_at", "enqueued_at", "description", "data"})
_SCRIPT: Final = """
if redis.call("EXISTS", KEYS[1]) == 1 then
    return 0
end
redis.call("HSET", KEYS[1], "created_at", ARGV[2], "enqueued_at", ARGV[2], "description", ARGV[1], "data", ARGV[3],
    %s)
redis.call("SADD", KEYS[3], KEYS[2])
redis.call("RPUSH", KEYS[2], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """One kind of job of a queue, whose only argument is a review id."""

    queue_key: str
    queues_key: str
    head: bytes
    tail: bytes
    script: Script

    @classmethod
    def prepare(cls, queue: Queue, function: str, options: Mapping[str, Any]) -> PreparedJob:
        """Let RQ write a job for review 0, and keep what it would send to Redis.

        `options` are those of RQ's `create_job`. ValueError for a record that this release of RQ writes otherwise.
        """
        job = queue.create_job(function, args=(0,), job_id="prepared", description="prepared", **options)
        job.origin = queue.name
        job.enqueued_at = datetime.now(UTC)
        fields = {
            # Not str(): a status is a text whose str() names its class.
            name: "".join((value,)) if isinstance(value, str) else str(value)
            for name, value in job.to_dict().items()
            if value is not None and name not in _OWN
        }
        head, mark, tail = job.data.partition(b"[0]")
        if not mark or not all(_PLAIN.fullmatch(word) for pair in fields.items() for word in pair):
            raise ValueError("this release of RQ writes its jobs in another way")
        words = ", ".join(f'"{word}"' for pair in fields.items() for word in pair)
        script = queue.connection.register_script(_SCRIPT % words)
        return cls(queue.key, queue.redis_queues_keys, head + b"[", b"]" + tail, script)

    def submit(self, job_id: str, review_id: int) -> bool:
        """Put a job on the queue in one step; False where Redis knows a job with this id."""
        moment = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        data = zlib.compress(self.head + str(review_id).encode() + self.tail)
        keys = (f"rq:job:{job_id}", self.queue_key, self.queues_key)
        return bool(self.script(keys=keys, args=(job_id, moment, data)))
