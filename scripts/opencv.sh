#!/bin/sh
# opencv-python wants libGL, which machines without a screen lack. Its headless twin is the same module without windows,
# which Amiko never opens: it takes the place where the first can't be imported.
set -eu
if .venv/bin/python -c 'import cv2' 2>/dev/null; then exit 0; fi
version=$(.venv/bin/python -c 'from importlib.metadata import version; print(version("opencv-python"))')
echo "this machine has no libGL: taking OpenCV without windows"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall \
    "opencv-python-headless==$version"
.venv/bin/python -c 'import cv2'
