from __future__ import annotations

from tests.github.lab import own_shop, shared_shop, shop

__all__ = ["own_shop", "shared_shop", "shop"]
