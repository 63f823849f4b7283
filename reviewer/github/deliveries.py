"""Read the webhook deliveries that GitHub lists, and ask again for those that were missed.

GitHub does not redeliver by itself; it keeps failed deliveries for 3 days (7 on Enterprise Server).
https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reviewer.github.api import PAGE_SIZE, Api
from reviewer.github.records import HookDelivery

MAX_DELIVERY_PAGES: Final = 100
_CURSOR: Final = re.compile(r"[?&]cursor=([^&>]+)")
_NEXT: Final = 'rel="next"'


def hook_deliveries(api: Api, *, since: str = "", max_pages: int = MAX_DELIVERY_PAGES) -> Iterator[HookDelivery]:
    """Yield deliveries to the App, newest first, down to `since` (ISO 8601, exclusive); `api` is the App's own."""
    cursor = ""
    for _page in range(max_pages):
        params: dict[str, Any] = {"per_page": PAGE_SIZE}
        if cursor:
            params["cursor"] = cursor
        headers, rows = api.get_with_headers("/app/hook/deliveries", params=params, doing="list webhook deliveries")
        for row in rows or ():
            delivery = HookDelivery.from_json(row)
            if since and delivery.delivered_at and delivery.delivered_at <= since:
                return
            yield delivery
        cursor = _next_cursor(headers)
        if not cursor:
            return


def redeliver(api: Api, delivery_id: int) -> None:
    """Ask GitHub to send a delivery again; it keeps its GUID."""
    api.send("POST", f"/app/hook/deliveries/{delivery_id}/attempts", doing="redeliver a webhook delivery")


def _next_cursor(headers: Mapping[str, Any]) -> str:
    # `<address>; rel="next", <address>; rel="prev"`
    following = next((part for part in str(headers.get("link", "")).split("<") if _NEXT in part), "")
    match = _CURSOR.search(following)
    return match[1] if match else ""
