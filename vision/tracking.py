"""People through consecutive frames of one camera. Works at low and uneven rates: all of it goes by frame time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.records import Box, Detection
from vision.appearance import Look, likeness
from vision.kalman import Kalman

#: Seconds that an unseen track is searched for where it moved to.
LIVE_S = 1.5
#: Seconds that it is searched for by place and colours, where it did not leave through the picture's edge.
#: Higher joins more of what the detector tore apart, and more of different people in like clothes.
RELINK_S = 10.0
#: Detections that make a track; a single one is most often false.
HITS = 2
#: Seconds that a track not yet confirmed may go unseen.
TENTATIVE_S = 1.0
#: How much boxes grow (of their size, on each side) before their overlap is taken: people who walk move by half
#: their width between two detections at 5 a second. In the second pass they grow by the place's uncertainty too.
BUFFER = 0.3
#: Heights by which a detection may lie off the expected place, beyond what the movement so far explains.
SLACK = 0.25
#: Least overlap of grown boxes.
OVERLAP = 0.2
#: Least likeness of colours for joining a track again: the same person keeps above 0.9, half of all others are below.
LIKE = 0.75
#: A box whose height differs by more from the person's (as a share of it) shows a part: a neighbour hides the legs.
PART = 0.25
#: The foot point lies so far above the box's lower edge, as a share of its height: boxes hold shoes' tips and floor.
FOOT = 0.03
#: How fast the person's own size follows the detected one's; and that of what seems to be a part.
SIZE_GAIN = 0.25
PART_GAIN = 0.08


@dataclass(frozen=True, slots=True)
class Sight:
    """One detection of a track, smoothed."""

    frame: int
    at: float
    #: The foot point, pixels.
    foot: tuple[float, float]
    #: Of the box, pixels.
    height: float


@dataclass(slots=True)
class Track:
    """One person."""

    #: From 1; 0 until confirmed. Ids are the tracker's own and never used twice.
    id: int
    centre: Kalman
    #: Width and height, pixels, slowly following.
    size: NDArray[np.float64]
    first_frame: int
    first_at: float
    first_box: Box
    #: The last detection.
    last_frame: int
    seen_at: float
    #: The last time at which the person is known to have been there: seen, or nothing moved since.
    last_at: float
    score: float
    best_score: float
    look: Look
    hits: int = 1
    #: Whether the last sight was at the picture's edge.
    at_edge: bool = False
    #: Of a track not yet confirmed, all; then those since the last update: one, or those of a track that was joined.
    sights: list[Sight] = field(default_factory=list)

    @property
    def box(self) -> Box:
        """Where the person was last, in pixels of the frame."""
        return self.predicted(self.last_at)

    @property
    def height(self) -> float:
        """In pixels."""
        return float(self.size[1])

    def predicted(self, at: float) -> Box:
        """Where the box should be at that time."""
        x, y = self.centre.ahead(at - self.last_at)
        width, height = self.size / 2
        return float(x - width), float(y - height), float(x + width), float(y + height)


class Tracker:
    """Joins each detection to the track that it continues.

    Passes, each over what the one before left: sure detections to confirmed tracks nearby; unsure ones to them; both
    to tracks not yet confirmed; the rest begin new ones. A track is confirmed by its second detection, if one of
    them is sure; it then takes up a lost one, by place and colours.
    """

    def __init__(self, sure: float) -> None:
        """`sure`: the score that one of a track's detections must reach, 0 to 1."""
        self._sure = sure
        self._tracks: list[Track] = []
        self._next_id = 1

    @property
    def tracks(self) -> Sequence[Track]:
        """The confirmed ones, seen or not."""
        return [track for track in self._tracks if track.id]

    def update(
        self, detections: Sequence[Detection], looks: Sequence[Look], frame: int, at: float, bounds: Box
    ) -> tuple[list[tuple[Track, Detection]], list[Track]]:
        """The confirmed tracks that were seen, each with its detection, and those given up.

        `bounds`: the part of the frame that is looked at, whose edges people leave by.
        """
        live = [track for track in self._tracks if at - track.last_at <= LIVE_S]
        confirmed = [track for track in live if track.id]
        tentative = [track for track in live if not track.id]
        sure = [number for number, detection in enumerate(detections) if detection.score >= self._sure]
        unsure = [number for number, detection in enumerate(detections) if detection.score < self._sure]
        pairs: list[tuple[Track, int]] = []
        for tracks, free in ((confirmed, sure), (confirmed, unsure), (tentative, sure), (tentative, unsure)):
            for loose in (False, True):
                pairs += _match(tracks, free, detections, at, loose=loose)
        seen = []
        for track, number in pairs:
            _move(track, detections[number], looks[number], frame, at, bounds)
            if not track.id and track.hits >= HITS and track.best_score >= self._sure:
                seen.append((self._confirm(track), detections[number]))
            elif track.id:
                seen.append((track, detections[number]))
        for number in sure + unsure:
            self._tracks.append(_begin(detections[number], looks[number], frame, at, bounds))
        return seen, self._give_up(at)

    def hold(self, looked: float, at: float) -> None:
        """Nothing moved, or only who is known did: who was there at the last look still is."""
        for track in self._tracks:
            if track.seen_at == looked:
                track.last_at = at
                track.centre.rest()

    def wavers(self, looked: float, at: float) -> bool:
        """Whether another look would tell more: somebody is seen for the first time, or was missed by the last look."""
        return any(
            (track.best_score >= self._sure and at - track.last_at <= TENTATIVE_S)
            if not track.id
            else (track.seen_at < looked and at - track.last_at <= LIVE_S and not track.at_edge)
            for track in self._tracks
        )

    def close(self) -> list[Track]:
        """Give up all tracks, at the end of a recording."""
        tracks, self._tracks = self.tracks, []
        return list(tracks)

    def _confirm(self, track: Track) -> Track:
        """The track itself with an id, or the lost one that it goes on."""
        lost = [other for other in self._tracks if other.id and other.last_at < track.first_at]
        alike = [(likeness(other.look, track.look), other.id, other) for other in lost if _in_reach(other, track)]
        best = max(alike, default=None)
        if best is None or best[0] < LIKE:
            track.id, self._next_id = self._next_id, self._next_id + 1
            return track
        other = best[2]
        self._tracks.remove(track)
        other.centre.replaced_by(track.centre)
        other.size, other.look, other.sights = track.size, track.look, track.sights
        other.last_frame, other.seen_at, other.last_at = track.last_frame, track.seen_at, track.last_at
        other.at_edge = track.at_edge
        other.score, other.best_score = track.score, max(track.best_score, other.best_score)
        other.hits += track.hits
        return other

    def _give_up(self, at: float) -> list[Track]:
        def over(track: Track) -> bool:
            if not track.id:
                return at - track.last_at > TENTATIVE_S
            return at - track.last_at > (LIVE_S if track.at_edge else RELINK_S)

        gone = [track for track in self._tracks if over(track)]
        self._tracks = [track for track in self._tracks if not over(track)]
        return [track for track in gone if track.id]


def _begin(detection: Detection, look: Look, frame: int, at: float, bounds: Box) -> Track:
    box = np.array(detection.box, dtype=np.float64)
    size = box[2:] - box[:2]
    return Track(
        id=0,
        centre=Kalman((box[:2] + box[2:]) / 2, float(size[1])),
        size=size,
        first_frame=frame,
        first_at=at,
        first_box=detection.box,
        last_frame=frame,
        seen_at=at,
        last_at=at,
        score=detection.score,
        best_score=detection.score,
        look=look,
        at_edge=_touches(detection.box, bounds),
        sights=[_sight(frame, at, detection.box)],
    )


def _move(track: Track, detection: Detection, look: Look, frame: int, at: float, bounds: Box) -> None:
    """Take a detection into a track."""
    edge = _touches(detection.box, bounds)
    found = np.array(detection.box, dtype=np.float64)
    measured = found if edge else _completed(found, track, at)
    gain = SIZE_GAIN if measured is found else PART_GAIN
    track.size = track.size + gain * (found[2:] - found[:2] - track.size)
    track.centre.update((measured[:2] + measured[2:]) / 2, at - track.last_at, track.height, detection.score)
    track.last_frame, track.seen_at, track.last_at = frame, at, at
    track.hits += 1
    track.score, track.best_score = detection.score, max(track.best_score, detection.score)
    track.look = (0.8 * track.look + 0.2 * look).astype(np.float32)
    track.at_edge = edge
    if track.id:
        track.sights.clear()
    track.sights.append(_sight(frame, at, track.box))


def _sight(frame: int, at: float, box: Box) -> Sight:
    height = box[3] - box[1]
    return Sight(frame, at, ((box[0] + box[2]) / 2, box[3] - FOOT * height), height)


def _completed(box: NDArray[np.float64], track: Track, at: float) -> NDArray[np.float64]:
    """The whole person's box where only a part was found: of the edges above and below, the expected one is right."""
    height = box[3] - box[1]
    if abs(height - track.height) <= PART * track.height:
        return box
    expected = track.predicted(at)
    whole = box.copy()
    if abs(box[1] - expected[1]) <= abs(box[3] - expected[3]):
        whole[3] = box[1] + track.height
    else:
        whole[1] = box[3] - track.height
    return whole


def _touches(box: Box, bounds: Box) -> bool:
    margin = 0.05 * max(box[3] - box[1], box[2] - box[0])
    return bool(
        box[0] - bounds[0] <= margin
        or box[1] - bounds[1] <= margin
        or bounds[2] - box[2] <= margin
        or bounds[3] - box[3] <= margin
    )


def _match(
    tracks: list[Track], free: list[int], detections: Sequence[Detection], at: float, *, loose: bool
) -> list[tuple[Track, int]]:
    """Pairs of a track and a detection's number, the best overlap first; both are taken out of the lists."""
    if not tracks or not free:
        return []
    spread = np.array([track.centre.spread(at - track.last_at) if loose else 0.0 for track in tracks])
    predicted = _grown(np.array([track.predicted(at) for track in tracks]), spread)
    found = _grown(np.array([detections[number].box for number in free], dtype=np.float64), np.zeros(len(free)))
    values = np.where(_near(tracks, free, detections, at), _overlaps(predicted, found), 0.0)
    pairs: list[tuple[Track, int]] = []
    rows, columns = list(tracks), list(free)
    while True:
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        if values[row, column] < OVERLAP:
            return pairs
        pairs.append((rows[row], columns[column]))
        tracks.remove(rows[row])
        free.remove(columns[column])
        values[row, :] = values[:, column] = -1


def _near(tracks: list[Track], free: list[int], detections: Sequence[Detection], at: float) -> NDArray[np.bool_]:
    """Whether a detection lies where the track can be by now, shape `(tracks, free)`.

    Overlap alone would let a mannequin, known for minutes not to move, go off with whoever walks past it.
    """
    near = np.zeros((len(tracks), len(free)), dtype=np.bool_)
    for row, track in enumerate(tracks):
        expected = track.centre.ahead(at - track.last_at)
        spread = 3 * track.centre.spread(at - track.last_at)
        for column, number in enumerate(free):
            box = _completed(np.array(detections[number].box), track, at)
            # Of somebody who is just coming into the picture, the first box is small.
            slack = SLACK * max(track.height, detections[number].box[3] - detections[number].box[1])
            near[row, column] = np.hypot(*((box[:2] + box[2:]) / 2 - expected)) <= slack + spread
    return near


def _in_reach(lost: Track, found: Track) -> bool:
    """Whether somebody who was lost there can be here by now: a step of half a height, and as much each second."""
    box, then = found.first_box, lost.box
    away = np.hypot((box[0] + box[2]) / 2 - (then[0] + then[2]) / 2, box[3] - then[3])
    height = max(lost.height, 1.0)
    alike = 0.5 < found.height / height < 2
    return alike and bool(away <= height * min(0.5 + 0.5 * (found.first_at - lost.last_at), 2.0))


def _grown(boxes: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes `(N, 4)` grown on each side by a share of their size and by so many pixels `(N,)`."""
    grow = BUFFER * (boxes[:, 2:] - boxes[:, :2]) + spread[:, None]
    return np.concatenate((boxes[:, :2] - grow, boxes[:, 2:] + grow), axis=1)


def _overlaps(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, shape `(len(ones), len(others))`."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (ones, others)]
    return np.asarray(common / np.maximum(areas[0][:, None] + areas[1][None, :] - common, 1e-9))
