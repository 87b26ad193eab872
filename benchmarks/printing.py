"""What a benchmark prints: its results alone, for people or as JSON."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from json import dumps
from typing import TypeVar

Results = TypeVar("Results")


def printed(measure: Callable[[], Results], show: Callable[[Results], None], *, json: bool) -> Results:
    """Measure, and print what came of it."""
    # Ray tells of its actors on standard output, which belongs to the results
    with redirect_stdout(sys.stderr):
        results = measure()
    if json:
        print(dumps(results))
    else:
        show(results)
    return results
