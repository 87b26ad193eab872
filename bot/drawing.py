"""Drawing charts beside the bot: in a process of its own, which gets the figures as JSON and gives the picture back.

In a thread, one picture held the event loop up by 100 ms at a time; so does nothing here, and the bot's process is
spared matplotlib's memory.
"""

import asyncio
import logging
import os
import sys

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from domain.records import AssistantDay, StoreReport

_LOGGER = logging.getLogger(__name__)

#: Seconds; it takes about one.
_LIMIT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be drawn."""

    day: AssistantDay | None = None
    report: StoreReport | None = None
    #: `ru` or `en`.
    language: str


_JOB = TypeAdapter(Job)


async def draw_day(day: AssistantDay, language: str) -> bytes | None:
    """As `bot.charts.day_chart`; None where it can't be drawn, which is on record."""
    return await _draw(Job(day=day, language=language))


async def draw_report(report: StoreReport, language: str) -> bytes | None:
    """As `bot.charts.report_charts`; None where it can't be drawn, which is on record."""
    return await _draw(Job(report=report, language=language))


async def _draw(job: Job) -> bytes | None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.drawing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            picture, complaint = await child.communicate(_JOB.dump_json(job))
    except TimeoutError:
        _LOGGER.error("a chart was not drawn within %.0f s", _LIMIT_S)  # noqa: TRY400 - the text says it all
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = (complaint.decode(errors="replace").strip().splitlines() or ["killed"])[-1]
        _LOGGER.error("a chart was not drawn: %s", last)
        return None
    return picture


def main() -> None:
    """The child: a job from standard input, a PNG to standard output."""
    from bot.charts import day_chart, report_charts  # noqa: PLC0415 - the bot's own process does without matplotlib

    job = _JOB.validate_json(sys.stdin.buffer.read())
    if job.day is not None:
        sys.stdout.buffer.write(day_chart(job.day, job.language))
    if job.report is not None:
        sys.stdout.buffer.write(report_charts(job.report, job.language))


if __name__ == "__main__":
    main()
