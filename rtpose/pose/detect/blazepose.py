"""BlazePose: Google's person detector and its landmark network of 33 joints, run on OpenVINO.

The person detector looks at the whole picture and says where people are. The landmark network looks at one
person's square and gives the joints, how sure it is that somebody is there, and where the person's square
will be in the next frame. So the person detector does not run while everybody is tracked.

Follows the graph of mediapipe 0.10.21's `Pose` without its smoothing over time. The landmark network comes in three
sizes, mediapipe's model complexities 0 to 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from rtpose.errors import ModelError
from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import heatmaps, network_files
from rtpose.pose.detect.appearance import appearance_of
from rtpose.pose.detect.candidates import (
    MAX_SIDE_IN_TILE,
    MIN_PRESENCE,
    Known,
    Place,
    SeenPerson,
    agrees,
    is_upright,
    piece_of,
    returned,
    same_hips,
    same_person,
    surer,
    toppled,
    touches,
    upright,
)
from rtpose.pose.detect.evidence import JOINTS, evidence_in_square
from rtpose.pose.detect.following import (
    SEARCH_INTERVAL_S,
    box_around,
    capped_outside,
    same_place,
    same_square,
    should_search,
)
from rtpose.pose.detect.known import (
    CLEARLY_LOOKS,
    DOUBTFUL_LOOKS,
    OTHERS_LOOKS,
    RECOGNISED_LOOKS,
    alone,
    doubtful,
    expected,
    fits_better,
    in_front,
    in_reach,
    is_no_other,
    is_somebody_else,
    is_whole_of,
    jumped,
    known_of,
    look_of,
    may_be_drawn,
    missing,
    mixes,
    near_wanted,
    remember,
    slid,
    unlikeness_of,
    whose,
)
from rtpose.pose.detect.person_finder import PERSON_FILE as PERSON_FILE
from rtpose.pose.detect.person_finder import PERSON_OUTPUTS as PERSON_OUTPUTS
from rtpose.pose.detect.person_finder import ROI_MARGIN, SURE_DETECTION_SCORE, PersonFinder
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.pose.detect.search import TilePlan, paint_over
from rtpose.skeleton import BLAZEPOSE33, Skeleton
from rtpose.stages import stage
from rtpose.types import Float32, Frame, Image, Person2D, Picture, picture_size

LANDMARK_FILES = {
    "full": "pose_landmark_full.tflite", "lite": "pose_landmark_lite.tflite", "heavy": "pose_landmark_heavy.tflite",
}  # fmt: skip
"""By size, the default first."""
LANDMARK_OUTPUTS = ("Identity", "Identity_1", "Identity_3", "Identity_4")
"""The outputs that are used: what the others alone need is not computed."""
CROP_SIZE = 256
POINTS = JOINTS + 6
"""Of the landmark network: the joints, two for the next square, and four that are not used."""
CENTRE_POINT, SCALE_POINT = JOINTS, JOINTS + 1
"""The landmark network's auxiliary points that give the next square."""

SURE_PRESENCE = 0.9995
"""A new person needs one of the two networks to be sure. Both take a table's foot for a person now and then, at 0.5 to
0.6 and mostly below 0.99; mediapipe, which lacks this rule, then tracks furniture."""
KEEP_PRESENCE = 0.95
"""A tracked person of lower presence is kept only if the person detector is sure of them too."""
TILES_A_SEARCH = 3
"""Parts of the picture that a search looks at beside the whole; the first one of a source looks at all."""
LOST_S = 3.0
"""So long somebody is looked for where they were lost."""
STRANGERS = 3
"""While it is not sure who is the one wanted person, so many others are followed as well."""
WANTED_S = 10.0
"""So long nobody in other clothes takes the place of the one person who was wanted: as long as the tracker remembers."""
HIDDEN_S = 1.0
"""So long their place in a full house is kept from somebody in other clothes who stands there."""
SECOND_LOOK = 1.2
"""Where the landmark network is not sure of somebody, it gets a square so much larger."""
LOST_REACH = 1.2
"""That part of the picture is so much larger than the person's square."""
MAX_RAW = 1e4
"""Landmarks are crop pixels, logits and metres: anything beyond is garbage."""


class BlazePose:
    """Detector of 33 joints for up to `persons` people. Not for use from several threads at once."""

    def __init__(
        self,
        *,
        persons: int = 1,
        network: str | None = None,
        options: LoadOptions = DEFAULT_OPTIONS,
        pool: NetworkPool | None = None,
        measure_spread: bool = False,
    ) -> None:
        """Loads both networks, downloading what is missing.

        persons: most people to follow, at least 1. network: the landmark network, one of `LANDMARK_FILES`; None: full.
        options: of both networks, apart from `outputs`. pool: shares them with others; None: a pool of its own.
        measure_spread: whether all evidence has `spread_px`, not only where a person's direction depends on it.
        Errors: `ConfigError` for an unknown network, `ModelError` if a network file cannot be fetched or read.
        """
        pool = pool or NetworkPool()
        self._persons = persons
        self._measure_spread = measure_spread
        self._finder = PersonFinder(options=options, pool=pool)
        self._landmarks = pool.load(
            downloads.ensure(network_files("blazepose", network)[1]), replace(options, outputs=LANDMARK_OUTPUTS)
        )
        # Reused for every frame: allocating them costs about as much as filling them.
        self._crop_pixels: Image = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        self._crop_input: Float32 = np.empty((1, *self._crop_pixels.shape), np.float32)
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        return BLAZEPOSE33

    def reset(self) -> None:
        """Forget the people that are tracked."""
        self._known: list[Known] = []
        self._lost: list[Known] = []
        self._searched_s = -np.inf
        self._doubted_s = -np.inf
        self._room = self._persons
        self._before: Known | None = None
        self._now_s = 0.0
        self._size: tuple[int, int] | None = None

    def detect(self, frame: Frame) -> list[Person2D]:
        """People in the frame, surest first; tracked from the frames before since the last `reset`.

        Scores of joints are the lesser of visible and present; outside the picture at most 0.1. The bbox
        holds all joints and a margin of 10 % of its size.
        """
        if frame.size != self._size:
            self.reset()
            self._size = frame.size
            self._tiles = TilePlan(*frame.size)
        if 0 in frame.size:
            return []
        now_s = self._now_s = frame.pts_s
        self._lost = [
            who for who in self._lost if 0 <= now_s - who.t_s < (WANTED_S if self._wants(who) else LOST_S)
        ]
        everybody = [*self._known, *self._lost]
        self._room = self._persons + (STRANGERS if self._in_doubt(now_s) else 0)
        if not self._in_doubt(now_s):
            self._before = None
        seen = self._followed(frame.picture, now_s, everybody)
        doubted = any(one.person.score < KEEP_PRESENCE for one in seen)
        since_s = now_s - self._searched_s
        lost = len(seen) < len(self._known)
        fresh = any(
            0 <= now_s - who.t_s < (LOST_S if self._wants(who) else SEARCH_INTERVAL_S) for who in self._lost
        )
        self._lost = missing(everybody, seen)
        if any(self._wants(who) for who in self._lost) or any(
            one.of and self._wants(one.of) and doubtful(one, one.of.sure or one.of) for one in seen
        ):
            if not self._in_doubt(now_s):
                self._before = next((who for who in everybody if not who.stranger), None)
            self._doubted_s, self._room = now_s, self._persons + STRANGERS
        seen = self._behind(frame.picture, now_s, seen)
        if doubted or should_search(len(seen), self._room, lost=lost or fresh, since_s=since_s):
            regular = not 0 <= since_s < SEARCH_INTERVAL_S
            if regular or not seen:
                tiles = (
                    self._tiles.all_of_them()
                    if since_s == np.inf
                    else self._tiles.some(TILES_A_SEARCH if regular else 1)
                )
            else:
                tiles = self._tiles.some(0)
            if regular:
                self._searched_s = frame.pts_s
            seen = self._search(frame.picture, now_s, seen, tiles)
        seen = self._recognised(seen, now_s)
        self._lost = missing(everybody, seen)
        self._known = self._remembered(seen, now_s)
        shown = [(one, who) for one, who in zip(seen, self._known, strict=True) if not who.stranger]
        people = [replace(one.person, appearance=look_of(one, who)) for one, who in shown]
        if not 0 <= now_s - self._doubted_s < LOST_S:
            self._known = near_wanted(self._known)
        return sorted(people, key=lambda person: -person.score)

    def _wants(self, who: Known) -> bool:
        return self._persons == 1 and not who.stranger

    def _remembered(self, seen: list[SeenPerson], t_s: float) -> list[Known]:
        """What is known of those who were seen."""
        if self._persons > 1:
            return [remember(one, t_s, alone(one, seen)) for one in seen]
        known = [remember(one, t_s, alone(one, seen)) for one in seen]
        wanted = any(not who.stranger for who in (*known_of(seen), *self._lost))
        out = []
        own = next((one for one in seen if one.of and not one.of.stranger), None)
        real = self._before or (own and own.of)
        fit = unlikeness_of(own, real) if own and real else math.inf
        for one, who in zip(seen, known, strict=True):
            stranger = wanted and (one.of is None or one.of.stranger)
            wanted = True
            beside = stranger and (who.beside or (fit < DOUBTFUL_LOOKS and fit < unlikeness_of(one, real) - OTHERS_LOOKS))
            out.append(replace(who, stranger=stranger, beside=beside))
        return out

    def _in_doubt(self, t_s: float) -> bool:
        return self._persons == 1 and 0 <= t_s - self._doubted_s < LOST_S

    def _sought(self, t_s: float) -> list[Known]:
        return [who for who in self._lost if not who.stranger and t_s - who.t_s < LOST_S]

    def _followed(self, picture: Picture, t_s: float, everybody: Sequence[Known]) -> list[SeenPerson]:
        """Those of the frame before who are still to be seen. everybody: they, and those who were lost."""
        size = picture_size(picture)
        looked = [self._person_in(picture, who.roi, ()) for who in self._known]
        bodies = [one for one in looked if one is not None and one.next_roi.is_usable(*size)]
        if len(everybody) < 2:
            who = everybody[0] if everybody else None
            return self._taken_back(
                picture, t_s, [one if self._persons == 1 and slid(one, who, t_s) else replace(one, of=who) for one in bodies]
            )
        seen: list[SeenPerson] = []
        for _, one, who in whose(bodies, everybody, t_s):
            near = in_front(one.next_roi, seen)
            if any(mixes(one, other) or may_be_drawn(one, who, other) for other in near):
                one = self._anew(picture, who, one.looked_at, seen) or one
            odd = bool(near) and (jumped(one, who) or is_somebody_else(one, who, known_of(near)))
            if not odd and not any(same_person(one, other) for other in seen):
                others = [other for other in everybody if other is not who and t_s - other.t_s < HIDDEN_S]
                near_them = not self._in_doubt(t_s) or any(touches(other.box, upright(who.roi, 1)) for other in others)
                gone = self._wants(who) and near_them and slid(one, who, t_s)
                seen.append(one if gone else replace(one, of=who))
        return self._taken_back(picture, t_s, seen)

    def _taken_back(self, picture: Picture, t_s: float, seen: list[SeenPerson]) -> list[SeenPerson]:
        """`seen`; whose colours say that their square went over to somebody else are looked for where they walked."""
        for one in seen:
            who = one.of
            if who is None or who.stranger or not doubtful(one, who):
                continue
            real = who.sure or who
            strangers = [replace(other, of=None) if other is one else other for other in seen]
            found = self._anew(picture, real, expected(real, t_s), strangers)
            if found is not None and fits_better(found, one, real):
                rest = [other for other in strangers if other.of or len(seen) < self._room]
                return [*rest, replace(found, of=real)]
        return seen

    def _behind(self, picture: Picture, t_s: float, seen: list[SeenPerson]) -> list[SeenPerson]:
        """`seen`, and those who were lost and are to be seen where they walked, with the others painted over."""
        for who in self._sought(t_s):
            if seen and len(seen) < self._room:
                one = self._anew(picture, who, expected(who, t_s), seen)
                seen = seen if one is None else [*seen, replace(one, of=who)]
        return seen

    def _anew(self, picture: Picture, who: Known, roi: Roi, seen: Sequence[SeenPerson]) -> SeenPerson | None:
        """Somebody known in a square in which those who were seen are painted over; None if it is not surely they."""
        bodies = [one.person.keypoints[:, :2] for one in seen if touches(one.person.bbox, upright(roi, 1))]
        one = self._person_in(picture, roi, bodies)
        if one is None or one.person.score < KEEP_PRESENCE or not agrees(one) or jumped(one, who):
            return None
        near = in_front(one.next_roi, seen)
        if is_somebody_else(one, who, known_of(near)):
            return None
        same = any(same_person(one, other) or mixes(one, other) or toppled(one, other) for other in seen)
        return None if same else one

    def _recognised(self, seen: list[SeenPerson], t_s: float) -> list[SeenPerson]:
        """`seen`, with those who were lost where they stand now."""
        if self._persons == 1:
            return self._wanted_among(seen, t_s)
        lost = missing(self._lost, seen)
        owners = {id(one): who for _, one, who in whose([one for one in seen if one.of is None], lost, t_s)}
        out = []
        for one in seen:
            who = owners.get(id(one))
            if who and returned(expected(who, t_s), one.next_roi) and not is_somebody_else(one, who, ()):
                one = replace(one, of=who)
            out.append(one)
        return out

    def _wanted_among(self, seen: list[SeenPerson], t_s: float) -> list[SeenPerson]:
        owner = next((one for one in seen if one.of and not one.of.stranger), None)
        who = owner.of if owner else next((who for who in self._lost if not who.stranger), None)
        if who is None or (owner and not self._in_doubt(t_s)):
            return seen
        real = self._before or who
        free = [one for one in seen if one is not owner and not (one.of and one.of.beside) and in_reach(one, who, t_s)]
        best = min(free, key=lambda one: unlikeness_of(one, real), default=None)
        if best is None:
            return seen
        unlike = unlikeness_of(best, real)
        if owner:
            good = fits_better(best, owner, real)
        else:
            least = min((unlikeness_of(one, real) for one in seen if one is not best), default=math.inf)
            good = (
                unlike < RECOGNISED_LOOKS
                or (best.of is not None and unlike < min(CLEARLY_LOOKS, least - OTHERS_LOOKS))
                or (returned(expected(who, t_s), best.next_roi) and not unlikeness_of(best, real) >= DOUBTFUL_LOOKS)
            )
        if not good:
            return seen
        return [replace(one, of=who if one is best else None) if one in (best, owner) else one for one in seen]

    def _look(
        self, picture: Picture, places: Iterable[Place], seen: list[SeenPerson]
    ) -> list[SeenPerson]:
        """`seen`, and new people in `places` while there is room."""
        seen = list(seen)
        width, height = picture_size(picture)
        for place in places:
            if len(seen) >= self._room:
                break
            if any(same_hips(place.roi, other.next_roi) for other in seen):
                continue
            one = self._person_in(picture, place.roi, place.bodies, new=True)
            if one is None or one.person.score < place.min_presence or not one.next_roi.is_usable(width, height):
                continue
            if any(is_no_other(one, other) for other in seen) or (place.strict and not agrees(one)):
                continue
            if place.upright and one.person.score < KEEP_PRESENCE and not is_upright(one):
                continue
            if self._persons > 1 and self._replaces_somebody(one, seen):
                continue
            if not any(same_person(one, other) for other in seen):
                whole = [other for other in seen if piece_of(other, one) and is_whole_of(one, other)]
                one = replace(one, of=next((other.of for other in whole if other.of), None))
                seen = [*(other for other in seen if other not in whole), one]
        return seen

    def _replaces_somebody(self, one: SeenPerson, seen: Sequence[SeenPerson]) -> bool:
        """Whether a new body in other clothes is where somebody was lost: it is who hides them, or a piece of one."""
        if not alone(one, [*seen, one]):
            lost = [who for who in self._lost if same_place(expected(who, self._now_s), one.next_roi)]
            return bool(lost) and all(is_somebody_else(one, who, ()) for who in lost)
        hidden = [who for who in self._lost if self._now_s - who.t_s < HIDDEN_S and doubtful(one, who)]
        return not seen and len(hidden) >= self._persons and bool(in_front(expected(hidden[0], self._now_s), [one]))

    def _search(
        self, picture: Picture, t_s: float, seen: list[SeenPerson], tiles: Iterable[tuple[Roi, bool]]
    ) -> list[SeenPerson]:
        """Those of `seen` that the person detector confirms, and new people while there is room.

        tiles: parts of the picture to look at as well, and whether to hide those who were seen."""
        found = self._find_people(picture, [])
        sure = [place.roi for place in found if place.min_presence < SURE_PRESENCE]
        seen = [one for one in seen if one.person.score >= KEEP_PRESENCE or self._confirmed(picture, one, sure)]
        # Two people side by side, seen from steeply above, pass for one who lies: look for each of them first.
        seen = self._look(picture, [replace(place, upright=True) for place in found], seen)
        # The person detector misses small people beside a big one: hide those seen and look again.
        known = 0
        while known < len(seen) < self._room:
            known = len(seen)
            seen = self._look(picture, self._find_people(picture, [one.person.bbox for one in seen]), seen)
        for lost in self._sought(t_s):
            for hide in (False, True):
                if len(seen) >= self._room:
                    break
                seen = self._look_in_part(picture, upright(expected(lost, t_s), LOST_REACH), hide, seen)
        for tile, hide in tiles:
            if len(seen) >= self._room:
                break
            seen = self._look_in_part(picture, tile, hide, seen)
        return self._look(picture, found, seen)

    def _confirmed(self, picture: Picture, one: SeenPerson, sure: list[Roi]) -> bool:
        """Whether the person detector is sure of somebody, in the whole picture (`sure`) or in the part around them."""
        if any(same_square(one.next_roi, roi) for roi in sure):
            return True
        found = self._finder.find(picture, (), upright(one.next_roi, 1))
        return any(score >= SURE_DETECTION_SCORE and same_square(one.next_roi, roi) for roi, score in found)

    def _look_in_part(self, picture: Picture, part: Roi, hide: bool, seen: list[SeenPerson]) -> list[SeenPerson]:
        """`seen`, and new people in a square of the picture. hide: those who were seen, if they are in it."""
        bodies = [one.person.keypoints[:, :2] for one in seen if touches(one.person.bbox, part)] if hide else []
        if hide and not bodies:
            return seen
        width, height = picture_size(picture)
        places = [
            Place(roi, KEEP_PRESENCE if score >= SURE_DETECTION_SCORE else SURE_PRESENCE, strict=True, bodies=bodies)
            for roi, score in self._finder.find(picture, (), part, bodies)
            if roi.side <= MAX_SIDE_IN_TILE * part.side and 0 <= roi.cx < width and 0 <= roi.cy < height
        ]
        return self._look(picture, places, seen)

    def _find_people(self, picture: Picture, hidden: list[Float32]) -> list[Place]:
        """Where the person detector finds people, best first, each with the presence that it must have.

        hidden: boxes of the picture, x0, y0, x1, y1 px, to blacken first.
        """
        found = self._finder.find(picture, hidden)
        # A few more than `persons`: some may turn out to be nobody.
        return [
            Place(roi, MIN_PRESENCE if score >= SURE_DETECTION_SCORE else SURE_PRESENCE)
            for roi, score in found[: self._room + 2]
        ]

    def _person_in(self, picture: Picture, roi: Roi, bodies: Sequence[Float32], new: bool = False) -> SeenPerson | None:
        """The person in the square or in a larger one; new people, and who is upside down, also the other way up."""
        one = self._landmarks_in(picture, roi, bodies)
        if one is None or one.person.score < KEEP_PRESENCE:
            larger = self._landmarks_in(picture, replace(roi, side=SECOND_LOOK * roi.side), bodies)
            one = replace(larger, looked_at=roi) if larger and larger.person.score >= KEEP_PRESENCE else one
        if one is not None and one.person.score < SURE_PRESENCE and (new or roi.is_upside_down):
            one = surer(one, self._landmarks_in(picture, roi.turned_around(), bodies, in_doubt=True))
        return one

    @stage("landmarks")
    def _landmarks_in(
        self, picture: Picture, roi: Roi, bodies: Sequence[Float32] = (), in_doubt: bool = False
    ) -> SeenPerson | None:
        """The person in the square, None if there is nobody. bodies: of others, to be painted over. in_doubt: the
        spread of heatmaps will be asked for, as where the network is not sure."""
        picture_from_crop = roi.picture_from_crop(CROP_SIZE)
        cut_out(picture, picture_from_crop, self._crop_pixels, border=cv2.BORDER_REPLICATE)
        for joints in bodies:
            paint_over(self._crop_pixels, joints, picture_from_crop)
        np.multiply(self._crop_pixels, np.float32(1 / 255), out=self._crop_input[0])
        outputs = self._landmarks.run({"input_1": self._crop_input})
        presence = float(outputs["Identity_1"][0, 0])
        raw = outputs["Identity"].reshape(-1, 5)
        world, heatmap = outputs["Identity_4"], outputs["Identity_3"][0]
        if world.shape != (1, 3 * POINTS):
            raise ModelError(f"the landmark network's output Identity_4 is {world.shape}, expected (1, {3 * POINTS})")
        # Written so that NaN counts as nobody too.
        if not (presence >= MIN_PRESENCE and np.abs(raw).max() < MAX_RAW and np.abs(world).max() < MAX_RAW):
            return None
        in_crop = heatmaps.refine(raw[:, :2] / np.float32(CROP_SIZE), heatmap) * CROP_SIZE
        points = (in_crop @ picture_from_crop[:, :2].T + picture_from_crop[:, 2]).astype(np.float32)
        joints = points[:JOINTS]
        in_doubt |= presence < SURE_PRESENCE or self._measure_spread
        evidence = evidence_in_square(raw, world.reshape(-1, 3), heatmap if in_doubt else None, roi, CROP_SIZE)
        scores = capped_outside(np.minimum(evidence.visibility, evidence.presence), joints, picture_size(picture))
        keypoints = np.empty((JOINTS, 3), np.float32)
        keypoints[:, :2], keypoints[:, 2] = joints, scores
        appearance = appearance_of(self._crop_pixels, in_crop[:JOINTS], scores)
        return SeenPerson(
            Person2D(
                keypoints=keypoints, bbox=box_around(joints), score=presence, evidence=evidence, appearance=appearance
            ),
            Roi.around(points[CENTRE_POINT], points[SCALE_POINT], ROI_MARGIN),
            roi,
        )
