"""What imports cost: the command line's help, and each actor's module, as whole processes by turns."""

import os
import resource
import subprocess
import sys
from json import loads
from statistics import median
from typing import TypedDict

#: Rounds of all, by turns.
ROUNDS = 7
#: Whole processes; the first is what Python itself costs.
WHOLE = {
    "python -c pass": ("-c", "pass"),
    "python -c 'import typer'": ("-c", "import typer"),
    "amiko --help": ("-m", "amiko", "--help"),
    "import ray": ("-c", "import ray"),
    "import ray.serve": ("-c", "import ray.serve"),
}
MODULES = (
    "actors.registry_actor",
    "actors.dispatcher",
    "actors.trainer",
    "actors.stores",
    "actors.camera_actor",
    "deployments.detector",
    "deployments.encoder",
    "deployments.classifier",
)
#: Prints what memory a module has cost when it is imported.
MEMORY = """
import importlib, json, sys, psutil
importlib.import_module(sys.argv[1])
memory = psutil.Process().memory_full_info()
print(json.dumps([memory.uss / 1e6, memory.pss / 1e6, len(sys.modules)]))
"""


class Process(TypedDict):
    """Medians of the rounds: seconds by the clock and of the processor."""

    wall_s: float
    cpu_s: float


class Module(TypedDict):
    """What importing one module costs, by itself in a process."""

    cpu_s: float
    uss_mb: float
    pss_mb: float
    modules: int


class Imports(TypedDict):
    """Whole processes, and single modules."""

    processes: dict[str, Process]
    modules: dict[str, Module]


def measure_imports() -> Imports:
    """About a minute."""
    whole: dict[str, list[tuple[float, float]]] = {name: [] for name in WHOLE}
    modules: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in MODULES}
    for _ in range(ROUNDS):
        for name, arguments in WHOLE.items():
            wall, cpu, _ = _timed(*arguments)
            whole[name].append((wall, cpu))
    for _ in range(3):
        for name in MODULES:
            _, cpu, text = _timed("-c", MEMORY, name)
            modules[name].append((cpu, loads(text)))
    return Imports(
        processes={
            name: Process(
                wall_s=round(median(one[0] for one in ones), 3), cpu_s=round(median(one[1] for one in ones), 3)
            )
            for name, ones in whole.items()
        },
        modules={
            name: Module(
                cpu_s=round(median(cpu for cpu, _ in ones), 2),
                uss_mb=round(median(memory[0] for _, memory in ones), 1),
                pss_mb=round(median(memory[1] for _, memory in ones), 1),
                modules=int(median(memory[2] for _, memory in ones)),
            )
            for name, ones in modules.items()
        },
    )


def _timed(*arguments: str) -> tuple[float, float, str]:
    """Seconds by the clock and of the processor, and what it printed."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return end - begin, cpu, done.stdout
