"""Make the README's moving picture from a clip: on the left its frames with the 2D joints, on the right the 3D skeleton.

    python scripts/make_readme_picture.py tfjs_pose_1.mp4

Runs `rtpose video` on the clip, then draws its poses.npz with the drawing code of the overlay and of the 3D window's
scene colours. The clip is tfjs_pose_1.mp4 of tensorflow/tfjs-models (pose-detection/test_data), Apache-2.0; see NOTICE.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.outputs.drawing import LEAST_SCORE, draw_people
from rtpose.recordings.npz import Recording, load_npz
from rtpose.types import Image, Person3D

OUT = Path(__file__).resolve().parents[1] / "docs" / "demo.webp"
HEIGHT_PX = 360
BACKGROUND = (18, 21, 26)
GROUND = (52, 58, 68)
VIEW_M = 2.2
"""Height of what the right half shows."""
TURN_DEG = (-35.0, 35.0)
"""The right half's camera swings between these angles about the person, once back and forth in the clip."""
TILT_DEG = 12.0
