"""What is known of one attempt, whether it ended well or not."""

from __future__ import annotations

import json
from dataclasses import dataclass

from reviewer.models.faults import one_line
from reviewer.models.model import Usage
from reviewer.models.prices import estimate_tokens
from reviewer.models.wire import Ask, Reader

ID_LIMIT = 200


@dataclass(slots=True)
class Heard:
    """What an attempt has brought so far. `request_id` is from the answer's headers.

    `cut` says why the guard stopped the answer, `after_end` that it did so after the end of the answer.
    """

    text: str = ""
    reader: Reader | None = None
    cut: str = ""
    after_end: bool = False
    status: int = 0
    request_id: str = ""

    @property
    def billed_in_full(self) -> bool:
        """True where the provider has said what the whole call used: nothing about its bill is a guess."""
        reader = self.reader
        return reader is not None and reader.ended and not self.cut and reader.usage is not None

    def their_id(self, ask: Ask) -> str:
        """Return the id under which the provider has the call in its books, "" where it named none.

        A gateway's books go by the id of the answer, everybody else's by that of the request.
        """
        answer = self.reader.answer_id if self.reader else ""
        ids = (answer, self.request_id) if ask.dialect.reports_cost else (self.request_id, answer)
        return one_line(next(filter(None, ids), ""), limit=ID_LIMIT)

    def usage(self, ask: Ask) -> tuple[Usage, bool]:
        """Return the provider's usage, or an estimate of it and True."""
        said = self.reader.usage if self.reader else None
        if said is not None and self.billed_in_full and (said.output or not self.text):
            return said, False
        # A cut stream's last word on output may be from its first event.
        spoken = estimate_tokens(self.text + (self.reader.reasoning if self.reader else ""))
        if said is not None:
            output = max(said.output, spoken)
            return Usage(said.input, said.cache_read, said.cache_write, output, said.reasoning), True
        prompt = ask.prompt.text + (json.dumps(ask.prompt.schema) if ask.prompt.schema else "")
        return Usage(input=estimate_tokens(prompt), output=spoken), True
