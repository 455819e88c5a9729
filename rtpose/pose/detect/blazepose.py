"""BlazePose: Google's person detector and its landmark network of 33 joints, run on OpenVINO.

The person detector looks at the whole picture and says where people are. The landmark network looks at one
person's square and gives the joints, how sure it is that somebody is there, and where the person's square
will be in the next frame. So the person detector does not run while everybody is tracked.

Follows the graph of mediapipe 0.10.21's `Pose` without its smoothing over time. The landmark network comes in three
sizes, mediapipe's model complexities 0 to 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import network_files
from rtpose.pose.detect.candidates import (
    KEEP_PRESENCE,
    MAX_SIDE_IN_TILE,
    MIN_PRESENCE,
    SURE_PRESENCE,
    Known,
    Place,
    SeenPerson,
    agrees,
    is_upright,
    piece_of,
    returned,
    same_hips,
    same_person,
    toppled,
    touches,
    upright,
)
from rtpose.pose.detect.following import (
    SEARCH_INTERVAL_S,
    same_place,
    same_square,
    should_search,
)
from rtpose.pose.detect.known import (
    alone,
    doubtful,
    expected,
    fits_better,
    in_front,
    is_no_other,
    is_somebody_else,
    is_whole_of,
    jumped,
    known_of,
    look_of,
    may_be_drawn,
    missing,
    mixes,
    remember,
    whose,
)
from rtpose.pose.detect.landmarks import LandmarkNetwork
from rtpose.pose.detect.person_finder import PERSON_FILE as PERSON_FILE
from rtpose.pose.detect.person_finder import PERSON_OUTPUTS as PERSON_OUTPUTS
from rtpose.pose.detect.person_finder import SURE_DETECTION_SCORE, PersonFinder
from rtpose.pose.detect.roi import Roi
from rtpose.pose.detect.search import TilePlan
from rtpose.pose.detect.wanted import (
    STRANGERS,
    WANTED_S,
    Doubt,
    near_wanted,
    recognised,
    shows_colours,
    slid,
    told_apart,
    without_pieces,
)
from rtpose.skeleton import BLAZEPOSE33, Skeleton
from rtpose.types import Float32, Frame, Person2D, Picture, picture_size

LANDMARK_FILES = {
    "full": "pose_landmark_full.tflite", "lite": "pose_landmark_lite.tflite", "heavy": "pose_landmark_heavy.tflite",
}  # fmt: skip
"""By size, the default first."""
LANDMARK_OUTPUTS = ("Identity", "Identity_1", "Identity_3", "Identity_4")
"""The outputs that are used: what the others alone need is not computed."""
TILES_A_SEARCH = 3
"""Parts of the picture that a search looks at beside the whole; the first one of a source looks at all."""
LOST_S = 3.0
"""So long somebody is looked for where they were lost."""
HIDDEN_S = 1.0
"""So long their place in a full house is kept from somebody in other clothes who stands there."""
LOST_REACH = 1.2
"""That part of the picture is so much larger than the person's square."""


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
        self._finder = PersonFinder(options=options, pool=pool)
        landmarks = pool.load(
            downloads.ensure(network_files("blazepose", network)[1]), replace(options, outputs=LANDMARK_OUTPUTS)
        )
        self._landmarks = LandmarkNetwork(landmarks, measure_spread=measure_spread)
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        return BLAZEPOSE33

    def reset(self) -> None:
        """Forget the people that are tracked."""
        self._known: list[Known] = []
        self._lost: list[Known] = []
        self._searched_s = -np.inf
        self._doubt = Doubt()
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
        self._lost = [who for who in self._lost if 0 <= now_s - who.t_s < (WANTED_S if self._wants(who) else LOST_S)]
        everybody = [*self._known, *self._lost]
        seen = self._followed(frame.picture, now_s, everybody)
        doubted = any(one.person.score < KEEP_PRESENCE for one in seen)
        since_s = now_s - self._searched_s
        lost = len(seen) < len(self._known)
        fresh = any(0 <= now_s - who.t_s < (LOST_S if self._wants(who) else SEARCH_INTERVAL_S) for who in self._lost)
        self._lost = self._missing(everybody, seen)
        if self._persons == 1:
            self._doubt.notice(everybody, seen, now_s)
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
            if self._persons == 1:
                self._doubt.notice(everybody, seen, now_s)
                self._lost = self._missing(everybody, seen)
        seen = self._recognised(seen, now_s)
        self._lost = self._missing(everybody, seen)
        if self._persons == 1:
            seen = without_pieces(seen)
            known = told_apart(seen, self._lost, self._doubt, now_s)
            if self._searched_s == now_s:
                self._doubt.settle(seen)
        else:
            known = [remember(one, now_s, alone(one, seen)) for one in seen]
        self._known = known if self._doubt.is_open(now_s) else near_wanted(known)
        shown = [(one, who) for one, who in zip(seen, known, strict=True) if not who.stranger]
        people = [replace(one.person, appearance=look_of(one, who)) for one, who in shown]
        return sorted(people, key=lambda person: -person.score)

    def _missing(self, everybody: Sequence[Known], seen: Sequence[SeenPerson]) -> list[Known]:
        """Those of everybody who are not seen. The one wanted person is one, whichever of their `Known` was seen."""
        lost = missing(everybody, seen)
        if self._persons == 1 and any(not who.stranger for who in known_of(seen)):
            return [who for who in lost if who.stranger]
        return lost

    @property
    def _room(self) -> int:
        """How many people may be followed now, strangers included."""
        return self._persons + (STRANGERS if self._doubt.is_open(self._now_s) else 0)

    def _wants(self, who: Known) -> bool:
        """Whether they are the one person who is wanted."""
        return self._persons == 1 and not who.stranger

    def _sought(self) -> list[Known]:
        """Those who were lost not long ago."""
        return [who for who in self._lost if not who.stranger and self._now_s - who.t_s < LOST_S]

    def _followed(self, picture: Picture, t_s: float, everybody: Sequence[Known]) -> list[SeenPerson]:
        """Those of the frame before who are still to be seen. everybody: they, and those who were lost."""
        size = picture_size(picture)
        looked = [self._landmarks.person_in(picture, who.roi, ()) for who in self._known]
        bodies = [one for one in looked if one is not None and one.next_roi.is_usable(*size)]
        if len(everybody) < 2:
            return self._taken_back(picture, t_s, [self._of(one, everybody[0], everybody) for one in bodies])
        seen: list[SeenPerson] = []
        for _, one, who in whose(bodies, everybody, t_s):
            near = in_front(one.next_roi, seen)
            if any(mixes(one, other) or may_be_drawn(one, who, other) for other in near):
                one = self._anew(picture, who, one.looked_at, seen) or one
            odd = bool(near) and (jumped(one, who) or is_somebody_else(one, who, known_of(near)))
            if not odd and not any(same_person(one, other) for other in seen):
                seen.append(self._of(one, who, everybody))
        return self._taken_back(picture, t_s, seen)

    def _of(self, one: SeenPerson, who: Known, everybody: Sequence[Known]) -> SeenPerson:
        """A body as theirs, unless their square has moved to somebody else."""
        if self._persons == 1 and slid(one, who, everybody, self._doubt, self._now_s):
            return one
        return replace(one, of=who)

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
                rest = [other for other in strangers if other.of or self._persons == 1 or len(seen) < self._persons]
                return [*rest, replace(found, of=real)]
        return seen

    def _behind(self, picture: Picture, t_s: float, seen: list[SeenPerson]) -> list[SeenPerson]:
        """`seen`, and those who were lost and are to be seen where they walked, with the others painted over."""
        for who in self._sought():
            if seen and len(seen) < self._room:
                one = self._anew(picture, who, expected(who, t_s), seen)
                seen = seen if one is None else [*seen, replace(one, of=who)]
        return seen

    def _anew(self, picture: Picture, who: Known, roi: Roi, seen: Sequence[SeenPerson]) -> SeenPerson | None:
        """Somebody known in a square in which those who were seen are painted over; None if it is not surely they."""
        bodies = [one.person.keypoints[:, :2] for one in seen if touches(one.person.bbox, upright(roi, 1))]
        one = self._landmarks.person_in(picture, roi, bodies)
        if one is None or one.person.score < KEEP_PRESENCE or not agrees(one) or jumped(one, who):
            return None
        if self._persons == 1 and not shows_colours(one, who):
            return None
        near = in_front(one.next_roi, seen)
        if is_somebody_else(one, who, known_of(near)):
            return None
        same = any(same_person(one, other) or mixes(one, other) or toppled(one, other) for other in seen)
        return None if same else one

    def _recognised(self, seen: list[SeenPerson], t_s: float) -> list[SeenPerson]:
        """`seen`, with those who were lost where they stand now."""
        if self._persons == 1:
            return recognised(seen, self._lost, self._doubt, t_s)
        owners = {id(one): who for _, one, who in whose([one for one in seen if one.of is None], self._lost, t_s)}
        out = []
        for one in seen:
            who = owners.get(id(one))
            if who and returned(expected(who, t_s), one.next_roi) and not is_somebody_else(one, who, ()):
                one = replace(one, of=who)
            out.append(one)
        return out

    def _look(self, picture: Picture, places: Iterable[Place], seen: list[SeenPerson]) -> list[SeenPerson]:
        """`seen`, and new people in `places` while there is room."""
        seen = list(seen)
        width, height = picture_size(picture)
        for place in places:
            if len(seen) >= self._room:
                break
            if any(same_hips(place.roi, other.next_roi) for other in seen):
                continue
            one = self._landmarks.person_in(picture, place.roi, place.bodies, new=True)
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
        for lost in self._sought():
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
