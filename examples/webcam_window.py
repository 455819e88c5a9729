"""Your 2D skeleton in an OpenCV window, and the distance of your right wrist. Escape ends it.

    python webcam_window.py [CAMERA NUMBER OR VIDEO]

Needs opencv-python: the headless OpenCV that rtpose installs has no windows.
"""

import sys

import cv2

import rtpose
from rtpose.skeleton import H36M17

ESCAPE = 27


def main(source: str = "0") -> None:
    with (
        rtpose.open_source(int(source) if source.isdigit() else source) as frames,
        rtpose.open_estimator(persons=2) as estimator,
    ):
        for frame in frames:
            picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
            for person in estimator(frame):
                points = [(round(float(x)), round(float(y))) for x, y, _ in person.keypoints_2d]
                for child, parent in H36M17.edges:
                    cv2.line(picture, points[child], points[parent], (80, 220, 80), 3)
                distance_m = float(person.joint("right_wrist")[2])
                cv2.putText(
                    picture, f"{distance_m:.2f} m", points[0], cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2
                )
            cv2.imshow("rtpose", picture)
            if cv2.waitKey(1) == ESCAPE:
                break
    cv2.destroyAllWindows()


if __name__ == "__main__":
    main(*sys.argv[1:2])
