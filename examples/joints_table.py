"""Joints of a clip as a pandas table, saved as CSV, and a plot of the wrists' height.

python joints_table.py in.mp4 joints.csv wrists.png
"""

import sys

import matplotlib

matplotlib.use("Agg")  # write the picture, open no window

import matplotlib.pyplot as plt
import pandas as pd

import rtpose

JOINTS = ("left_wrist", "right_wrist", "left_foot", "right_foot")


def joints_of(clip: str) -> pd.DataFrame:
    """One row for each person in each frame and joint: x, y, z in metres, camera space."""
    rows = []
    with rtpose.open_source(clip) as frames, rtpose.open_estimator() as estimator:
        for frame in frames:
            for person in estimator(frame):
                for joint in JOINTS:
                    x, y, z = map(float, person.joint(joint))
                    rows.append((frame.pts_s, person.track_id, joint, x, y, z))
    return pd.DataFrame(rows, columns=["t_s", "person", "joint", "x_m", "y_m", "z_m"])


def main(clip: str, csv: str, plot: str) -> None:
    table = joints_of(clip)
    table.to_csv(csv, index=False)
    for joint in ("left_wrist", "right_wrist"):
        wrist = table[table["joint"] == joint]
        plt.plot(wrist["t_s"], -wrist["y_m"], label=joint)  # y points down
    plt.xlabel("time (s)")
    plt.ylabel("height above the camera (m)")
    plt.legend()
    plt.savefig(plot)
    print(f"{len(table)} rows in {csv}, plot in {plot}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
