"""An encoder of the size of CLIP ViT-L/14@336px with random weights: whether it loads, what it takes.

Each runtime in a process of its own, so that memory is its own: `python -m benchmarks.large_encoder`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import torch

from domain.settings import Network
from networks.encoder import load_encoder

ROUNDS = 3


def write(folder: Path) -> None:
    """The checkpoint: random weights, no tokenizer."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel  # noqa: PLC0415 - an extra

    text = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    config = CLIPConfig(
        text_config={**text, "projection_dim": 768},
        vision_config={**vision, "image_size": 336, "patch_size": 14, "projection_dim": 768},
        projection_dim=768,
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}).save_pretrained(folder)


def measure(folder: Path, runtime: str) -> dict[str, float | int | str]:
    """Seconds, megabytes, dimensions; in this process."""
    torch.set_num_threads(1)
    process = psutil.Process()
    began = time.perf_counter()
    encoder = load_encoder(Network.model_validate({"checkpoint": str(folder), "runtime": runtime, "device": "cpu"}))
    loaded = time.perf_counter() - began
    crop = np.random.default_rng(0).integers(0, 256, (200, 80, 3), dtype=np.uint8)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        (embedding,) = encoder.embed([crop])
        times.append(time.perf_counter() - began)
    peak = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return {
        "runtime": runtime,
        "identity": encoder.identity,
        "dimensions": encoder.dimensions,
        "length": round(float(np.linalg.norm(embedding.vector)), 4),
        "load_s": round(loaded, 1),
        "crop_ms": round(median(times) * 1000),
        "rss_mb": round(process.memory_info().rss / 1e6),
        "peak_mb": round(peak / 1000),
    }


def main() -> None:
    """Write the checkpoint into a temporary folder, and measure each runtime twice: exported, then from the cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clip"
        write(folder)
        size = (folder / "model.safetensors").stat().st_size
        print(json.dumps({"file_mb": round(size / 1e6)}))
        for runtime in ("torch", "onnxruntime", "onnxruntime"):
            subprocess.run(
                [sys.executable, "-m", "benchmarks.large_encoder", str(folder), runtime],
                env={**os.environ, "AMIKO_CACHE": str(Path(name) / "cache"), "OMP_NUM_THREADS": "1"},
                check=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main()
