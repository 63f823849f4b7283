"""A crowd of real worker processes that pay for calls and are killed: `python -m tests.ledger.crowd '<json>'`.

Each worker is forked, so hundreds fit on a small machine. The provider is an HTTP server elsewhere that keeps its
own books. Prints one JSON line: how many workers finished, were refused, and were killed.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from policies.budgets import Account, Limit, Scope
from reviewer.errors import BudgetRefused, LedgerUnavailable
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.terms import Terms
from tests.ledger.make import call, intent

DONE, REFUSED, FAILED = 0, 4, 3
ORGANISATION = "acme"


def account(run: str) -> Account:
    return Account(run=run, user="bob", repository="acme/app", organisation=ORGANISATION)


def work(plan: dict[str, Any], number: int, rng: random.Random) -> int:
    """Make a worker's calls: reserve, ask the provider, settle what it billed."""
    meter = LedgerMeter(
        Ledger.open(plan["ledger"]).money,
        Terms(account(f"run-{number}"), [Limit(Scope(plan["scope"]), Decimal(plan["limit"]))]),
        lambda: datetime.now(UTC),
    )
    worst = Decimal(plan["worst"])
    give_up = time.monotonic() + 120
    for _ in range(plan["calls"]):
        bill = worst if plan["full"] else (worst * rng.randrange(10**6) / 10**6).quantize(Decimal("1e-12"))
        while True:
            try:
                reservation = meter.reserve(amount=worst, call=intent())
                break
            except BudgetRefused:
                return REFUSED
            except LedgerUnavailable as error:
                # More workers than the server takes connections: a queue would try the job again.
                if time.monotonic() > give_up:
                    raise
                sys.stderr.write(f"{error}\n")
                time.sleep(rng.uniform(0.05, 0.5))
        provider = http.client.HTTPConnection("127.0.0.1", plan["provider"], timeout=60)
        provider.request("POST", "/", body=str(bill), headers={"X-Client-Request-Id": reservation})
        billed = Decimal(provider.getresponse().read().decode())
        provider.close()
        meter.settle(reservation, call(billed))
    return DONE


def main(plan: dict[str, Any]) -> dict[str, int]:
    rng = random.Random(plan["seed"])
    counts = {"done": 0, "refused": 0, "failed": 0, "killed": 0}
    waiting, started, alive = plan["workers"], 0, set()
    start_gun, hold = os.pipe()
    next_kill = time.monotonic() + rng.uniform(*plan["kill_every"])
    kills = plan["kills"]
    parent = os.getppid()
    while waiting or alive:
        while waiting and len(alive) < plan["at_once"]:
            waiting -= 1
            started += 1
            child = os.fork()
            if not child:
                if hold >= 0:
                    os.close(hold)
                os.read(start_gun, 1)
                # Children of one seed would otherwise bill alike.
                os._exit(_guarded(plan, started, random.Random(f"{plan['seed']}-{started}")))
            alive.add(child)
        if hold >= 0:
            os.close(hold)
            hold = -1
        while alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            alive.discard(pid)
            if os.WIFSIGNALED(status):
                counts["killed"] += 1
                waiting += plan["replace"]
            else:
                code = os.WEXITSTATUS(status)
                counts[{DONE: "done", REFUSED: "refused"}.get(code, "failed")] += 1
        if alive and kills and time.monotonic() >= next_kill:
            kills -= 1
            os.kill(rng.choice(sorted(alive)), signal.SIGKILL)
            next_kill = time.monotonic() + rng.uniform(*plan["kill_every"])
        if os.getppid() != parent:
            # The test was stopped: a crowd must not outlive it.
            for pid in alive:
                os.kill(pid, signal.SIGKILL)
            sys.exit(1)
        time.sleep(0.001)
    return counts


def _guarded(plan: dict[str, Any], number: int, rng: random.Random) -> int:
    try:
        return work(plan, number, rng)
    except Exception as error:  # noqa: BLE001 - a forked child must never return into its parent's code
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return FAILED


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
