"""Visible: the installations and repositories that the asker of a query may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true


@dataclass(frozen=True, slots=True)
class Visible:
    """A row is seen where its installation or its repository is named. Nothing named: nothing is seen.

    `everything` is for the operator, who owns the ledger; it is never the default.
    """

    installations: frozenset[int] = frozenset()
    repositories: frozenset[int] = frozenset()
    everything: bool = False

    def where(self, installation: Any, repository: Any) -> ColumnElement[bool]:
        """Return the condition on a table's two columns."""
        if self.everything:
            return true()
        # 0 is what a call of a local review has: it belongs to no installation and no repository of GitHub.
        terms = [
            column.in_(sorted(allowed))
            for column, ids in ((installation, self.installations), (repository, self.repositories))
            if (allowed := ids - {0})
        ]
        return or_(*terms) if terms else false()


OPERATOR = Visible(everything=True)
