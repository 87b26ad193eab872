"""`make chaos SEED=1 SECONDS=120`: the whole system on this machine, and one process after the other is hit."""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from amiko import environment
from tests.chaos.plan import VICTIMS


def main() -> None:
    """Print one line of JSON, last; what happens meanwhile goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="Of the plan, the people and the bot's failing calls.")
    parser.add_argument("--seconds", type=float, default=120, help="For which processes are hit.")
    parser.add_argument("--only", help=f"Hit these alone, separated by commas: {', '.join(VICTIMS)}.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="amiko-chaos-") as folder:
        # read when Ray is imported
        os.environ["AMIKO_HOME"] = folder
        environment.prepare(own_ray=True)
        from tests.chaos.shop import run

        with contextlib.redirect_stdout(sys.stderr):
            result = run(asked.seed, asked.seconds, Path(folder), asked.only.split(",") if asked.only else VICTIMS)
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
