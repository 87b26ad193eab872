"""Ultralytics' own way: `track` on each frame. Run by the Python of an environment that has the library.

    PYTHON benchmarks/ultralytics_loop.py RECORDING SECONDS

The network is built from its description, with random weights: what it costs is right, what it finds is nothing.
"""

import json
import sys
import time

import cv2
import torch
from ultralytics import YOLO

SIZE = 416
MODEL = "yolo11n.yaml"


def main() -> None:
    recording, seconds = sys.argv[1], float(sys.argv[2])
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(recording, cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    results = YOLO(MODEL).track(
        source=recording, stream=True, persist=True, imgsz=SIZE, classes=[0], device="cpu", verbose=False
    )
    # the first one loads and warms up
    next(results)
    frames, used = 0, time.process_time()
    for _ in results:
        frames += 1
        if frames >= seconds * fps:
            break
    used = time.process_time() - used
    print(json.dumps({"cpu_s": used, "minutes": frames / fps / 60, "detector_calls": frames, "messages": None}))


if __name__ == "__main__":
    main()
