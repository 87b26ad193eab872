"""What things cost, in counts that are the same on every machine: a limit that is crossed here is crossed in a shop."""

import json
import subprocess
import sys
from collections.abc import Set as AbstractSet

import pytest

#: Tells which packages from outside were imported, by the names of their folders.
PACKAGES = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
files = {name.partition(".")[0] for name, module in sorted(sys.modules.items())
         if "-packages" in (getattr(module, "__file__", None) or "")}
print(json.dumps(sorted(files)))
"""
#: What every process of ours may have beside Ray: settings, sealing, retries.
OURS = frozenset({"pydantic", "pydantic_core", "annotated_types", "typing_inspection", "yaml", "platformdirs",
                  "cryptography", "_cffi_backend", "tenacity", "psutil", "numpy"})  # fmt: skip
#: What each costs: ray.serve 50 MB and half a second in each process, torch 120 MB and a second.
ALLOWED: dict[str, tuple[str, AbstractSet[str]]] = {
    # to ask Serve's replicas a process needs Serve's handles
    "actors.camera": ("ray.serve", OURS | {"cv2", "PIL"}),
    "actors.trainer": ("ray.serve", OURS | {"aiosqlite", "safetensors"}),
    "actors.registry": ("ray", OURS | {"aiosqlite"}),
    "actors.stores": ("ray", OURS),
    "actors.dispatcher": (
        "ray",
        OURS | {"telegram", "httpx", "httpcore", "h11", "anyio", "sniffio", "aiolimiter", "babel", "pytz",
                "markupsafe", "rich", "pygments", "click"},
    ),
}  # fmt: skip


def packages(*modules: str) -> set[str]:
    """Those that a fresh process has once it has imported the modules."""
    done = subprocess.run([sys.executable, "-c", PACKAGES, *modules], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def brought() -> dict[str, set[str]]:
    """What Ray alone brings; it differs from release to release."""
    return {"": packages("site"), "ray": packages("ray"), "ray.serve": packages("ray.serve")}


@pytest.mark.parametrize("module", ALLOWED)
def test_an_actors_process_imports_what_it_needs(module: str, brought: dict[str, set[str]]) -> None:
    by, allowed = ALLOWED[module]
    assert packages(module) - brought[""] - brought[by] - allowed == set()


def test_the_heavy_ones_are_in_no_actor(brought: dict[str, set[str]]) -> None:
    heavy = {"torch", "transformers", "sklearn", "scipy", "matplotlib", "onnxruntime", "onnx", "av", "skimage"}
    for module, (by, allowed) in ALLOWED.items():
        assert not heavy & (allowed | brought[by]), module


def test_help_waits_for_the_command_lines_own_library_alone(brought: dict[str, set[str]]) -> None:
    # 0.15 s of CPU in all; pydantic alone would double that
    names = packages("typer", "rich.markdown", "rich.traceback", "platformdirs")
    assert packages("amiko.cli", "typer.rich_utils") - brought[""] - names == set()
