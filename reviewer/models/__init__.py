"""Model calls: the only user of httpx."""

import sys

# httpx loads its command line, and with it click, rich and pygments, where those happen to be installed: a fifth
# of its import, for a program that is not called here. A module that is None counts as missing, which httpx
# provides for.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
