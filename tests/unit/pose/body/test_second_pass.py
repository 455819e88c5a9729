"""`--quality best` in a pipeline, and bodies for recordings without."""

from dataclasses import replace

import numpy as np
from moving_bodies import CAMERA, squatting, standing_person

from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.offline import fit_recording
from rtpose.pose.body.second_pass import SecondPass
from rtpose.recordings.people_table import PeopleTable
from rtpose.types import Frame, Result

FPS = 30


class Recorder:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.closed = 0

    def write(self, result: Result) -> None:
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1


def test_a_recorder_gets_the_second_pass_when_the_source_has_ended():
    recorder = Recorder()
    both = SecondPass(Bodies(), recorder)
    live = []
    for t in range(12):
        people, world = both.fit([standing_person(squatting(t / FPS), noise_m=0.01, seed=t)], CAMERA, t / FPS)
        frame = Frame(np.zeros((72, 128, 3), np.uint8), t, 0, t / FPS)
        result = Result(frame, CAMERA, tuple(people), 0, world)
        live.append(result)
        both.write(result)
    assert not recorder.results
    both.close()
    assert recorder.closed == 1
    assert [r.frame.frame_id for r in recorder.results] == list(range(12))
    assert recorder.results[0].frame.size == (128, 72)
    lengths = np.stack([r.persons[0].body.bone_lengths for r in recorder.results if r.persons[0].body is not None])
    assert np.ptp(lengths, axis=0).max() == 0
    assert not np.allclose(recorder.results[5].persons[0].pose_3d, live[5].persons[0].pose_3d, atol=1e-4)


def test_a_recorder_is_closed_although_nothing_came():
    recorder = Recorder()
    SecondPass(Bodies(), recorder).close()
    assert recorder.closed == 1


def test_a_recording_without_bodies_gets_them():
    table = PeopleTable()
    for t in range(20):
        people = [standing_person(squatting(t / FPS))] if t != 7 else []
        table.append(t, t / FPS, [replace(p, error_m=None, confidence=np.full(28, 0.9, np.float32)) for p in people])
    recording = table.to_recording(image_size=(1280, 720), camera=CAMERA, meta={"source": "made up"})
    assert not recording.has_bodies
    fitted = fit_recording(recording)
    assert fitted.has_bodies
    assert fitted.meta == recording.meta
    np.testing.assert_array_equal(fitted.track_ids, recording.track_ids)
    np.testing.assert_array_equal(fitted.timestamps_s, recording.timestamps_s)
    seen = recording.track_ids >= 0
    assert np.isfinite(fitted.rotations[seen]).all()
    apart = np.linalg.norm(fitted.poses_3d[seen] - recording.poses_3d[seen], axis=-1)
    assert apart.mean() < 0.03
