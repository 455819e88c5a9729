"""A recording in the rerun viewer: `pip install rerun-sdk`.

python rerun_recording.py poses.npz [OUT.rrd]
"""

import sys

import numpy as np
import rerun as rr

import rtpose


def main(recording_file: str, out: str | None = None) -> None:
    recording = rtpose.load_recording(recording_file)
    rr.init("rtpose", spawn=out is None)
    if out is not None:
        rr.save(out)
    rr.log("/", rr.ViewCoordinates.RDF, static=True)  # x right, y down, z forward
    bones = [(child, int(parent)) for child, parent in enumerate(recording.parents) if parent >= 0]
    for frame, t_s in enumerate(recording.timestamps_s):
        rr.set_time("time", duration=float(t_s))
        for column, track_id in enumerate(recording.track_ids[frame]):
            if track_id < 0:
                continue
            joints = recording.poses_3d[frame, column] + recording.root_3d[frame, column]
            rr.log(f"people/{track_id}/joints", rr.Points3D(joints, radii=0.02))
            rr.log(f"people/{track_id}/bones", rr.LineStrips3D([np.stack([joints[a], joints[b]]) for a, b in bones]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
