"""Ultralytics' own way: `track` on each frame. Run by the Python of an environment that has the library.

    PYTHON benchmarks/ultralytics_loop.py RECORDING SECONDS      (pip install ultralytics lap)

The network is built from its description, with random weights: what it costs is right, what it finds is nothing.
"""

import json
import os
import sys
import tempfile
import time

import cv2
import torch

SIZE = 416
MODEL = "yolo11n.yaml"


def main() -> None:
    recording, seconds = sys.argv[1], float(sys.argv[2])
    # read when it is imported: no settings in the person's folders, no word to anybody, no download
    os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp(prefix="amiko-ultralytics-")
    os.environ["YOLO_OFFLINE"], os.environ["YOLO_AUTOINSTALL"] = "true", "false"
    from ultralytics import YOLO  # noqa: PLC0415 - an extra

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
