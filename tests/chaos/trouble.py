"""Calls of the Bot API that fail by chance, and which answers were lost with that."""

import random
import time
from collections import Counter

from benchmarks.bot_shop import number_in
from bot.sandbox import BAD_GATEWAY, LOST_ANSWER, RESET, Call, Fault, Sandbox, flood

#: Of all calls, polls among them.
SHARE = 0.2
#: A connection that says nothing for a second, and then breaks.
HANG = Fault(reset=True, delay_s=1.0)
KINDS = {"429": flood(1), "5xx": BAD_GATEWAY, "reset": RESET, "lost answer": LOST_ANSWER, "hang": HANG}


class Trouble:
    """Asked about each call, in the sandbox's thread, right after it was heard of."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self._sandbox = sandbox
        self._chance = random.Random(seed)
        self._call: Call | None = None
        self.calls = 0
        self.failed: Counter[str] = Counter()
        #: When a message about a visit was accepted and its answer lost, by chat and the visit's number.
        self.lost_answers: dict[tuple[int, int], list[float]] = {}
        sandbox.on_call.append(self._hear)

    def begin(self) -> None:
        self._sandbox.fail_by_chance(self._next)

    def end(self) -> None:
        self._sandbox.mend()

    def _hear(self, call: Call) -> None:
        self.calls += 1
        self._call = call

    def _next(self) -> Fault | None:
        if self._chance.random() >= SHARE:
            return None
        kind = self._chance.choice(list(KINDS))
        self.failed[kind] += 1
        call = self._call
        if kind == "lost answer" and call is not None and call.method.lower().startswith("send") and call.chat:
            number = number_in(call.values.get("text") or call.values.get("caption") or "")
            if number is not None:
                self.lost_answers.setdefault((call.chat, number), []).append(time.time())
        return KINDS[kind]
