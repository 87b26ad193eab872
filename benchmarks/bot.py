"""`amiko bench bot`: whether each notification arrives whatever fails, how soon, and how many the bot can send.

The real registry on SQLite and the real dispatcher in one process, without Ray; Telegram is the sandbox over HTTP.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import asdict
from json import dumps

from benchmarks.bot_faults import faults
from benchmarks.bot_sending import held, mode_all, mode_one, one_waiting
from domain.errors import InputError

#: Each part can be measured alone; all of them take about ten minutes.
PARTS = ("faults", "one_waiting", "mode_one", "mode_all", "held")

_MEASURES: dict[str, Callable[[], Coroutine[None, None, dict[str, object]]]] = {
    "one_waiting": one_waiting,
    "mode_one": mode_one,
    "mode_all": mode_all,
    "held": held,
}


def run(parts: Iterable[str] = PARTS, *, json: bool = False) -> dict[str, object]:
    """Measure, print, and give it back; `json`: as one document. `send_ms` at the top is that of one who waits.

    Raises InputError for a part that there is not.
    """
    wanted = list(parts)
    if unknown := set(wanted) - set(PARTS):
        raise InputError(f"no part {min(unknown)!r} of the benchmark; there are: {', '.join(PARTS)}")
    result: dict[str, object] = {}
    for part in wanted:
        measured = asdict(asyncio.run(faults())) if part == "faults" else asyncio.run(_MEASURES[part]())
        result[part] = measured
        if part == "one_waiting":
            result["send_ms"] = measured["send_ms"]
        if not json:
            print(f"{part}: {dumps(measured, indent=2)}", flush=True)
    if json:
        print(dumps(result))
    return result
