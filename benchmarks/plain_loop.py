"""What one would write first: OpenCV reads, ONNX Runtime finds people in each frame, and whoever is new is told of.

    python benchmarks/plain_loop.py RECORDING GRAPH.onnx

Needs nothing of Amiko but the exported detector. It has no tracks: somebody is new where nobody was seen for a second.
"""

import json
import sys
import time

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

SIZE, SCORE, OVERLAP = 416, 0.5, 0.5
#: Seconds without anybody after which the next one is a new visitor.
AWAY_S = 1.0


def people(session: onnxruntime.InferenceSession, frame: cv2.typing.MatLike) -> list[NDArray[np.float32]]:
    """Boxes (left, top, width, height) in the frame's pixels."""
    height, width = frame.shape[:2]
    scale = SIZE / max(height, width)
    small = cv2.resize(frame, (round(width * scale), round(height * scale)))
    padded = np.full((-(-small.shape[0] // 32) * 32, -(-small.shape[1] // 32) * 32, 3), 114, np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    (found,) = session.run(None, {"inputs": padded[None]})
    found = found[0][found[0][:, 4] >= SCORE]
    boxes = np.concatenate((found[:, :2] - found[:, 2:4] / 2, found[:, 2:4]), 1) / scale
    return [boxes[number] for number in cv2.dnn.NMSBoxes(boxes.tolist(), found[:, 4].tolist(), SCORE, OVERLAP)]


def main() -> None:
    recording, graph = sys.argv[1:]
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    capture = cv2.VideoCapture(recording, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames, messages, last_seen = 0, 0, -AWAY_S
    used = time.process_time()
    while True:
        got, frame = capture.read()
        if not got:
            break
        at, frames = frames / fps, frames + 1
        if people(session, frame):
            messages += at - last_seen >= AWAY_S
            last_seen = at
    used = time.process_time() - used
    print(json.dumps({"cpu_s": used, "minutes": frames / fps / 60, "detector_calls": frames, "messages": messages}))


if __name__ == "__main__":
    main()
