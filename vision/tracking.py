"""People through consecutive frames of one camera. Works at low and uneven rates: all of it goes by frame time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.records import Box, Detection
from vision.appearance import Look, likeness

#: Seconds that an unseen track is searched for where it moved to.
LIVE_S = 1.5
#: Seconds that it is searched for by place and colours, where it did not leave through the picture's edge.
#: Higher joins more of what the detector tore apart, and more of different people in like clothes.
RELINK_S = 10.0
#: Detections in a row that make a track; a single one is most often false.
HITS = 2
#: Seconds between a track's first detection and its second.
TENTATIVE_S = 0.7
#: How much boxes grow (of their size, on each side) before their overlap is taken: first pass, second pass.
#: People who walk move by half their width between two detections at 5 a second.
BUFFERS = (0.3, 0.6)
#: Least overlap of grown boxes in either pass.
OVERLAPS = (0.2, 0.1)
#: Least likeness of colours for joining a track again.
LIKE = 0.6


@dataclass(slots=True)
class Track:
    """One person. `box` is smoothed, in the frame's pixels."""

    #: From 1; 0 until confirmed. Ids are the tracker's own and never used twice.
    id: int
    box: NDArray[np.float64]
    first_frame: int
    first_at: float
    last_frame: int
    last_at: float
    score: float
    look: Look
    hits: int = 1
    #: Pixels a second of the box's corners' centre, x and y.
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    #: Whether the last sight was at the picture's edge.
    at_edge: bool = False

    @property
    def height(self) -> float:
        return float(self.box[3] - self.box[1])

    @property
    def foot(self) -> tuple[float, float]:
        return float(self.box[0] + self.box[2]) / 2, float(self.box[3])

    def predicted(self, at: float) -> NDArray[np.float64]:
        """Where the box should be at that time."""
        shift = self.velocity * min(at - self.last_at, LIVE_S)
        return self.box + np.concatenate((shift, shift))


class Tracker:
    """Joins each detection to the track that it continues.

    Four passes, each over what the one before left: sure detections to tracks nearby; unsure ones to tracks nearby;
    sure ones to tracks that were lost, by place and colours; the rest of the sure ones begin new tracks.
    """

    def __init__(self, sure: float) -> None:
        """`sure`: the score from which a detection may begin a track, 0 to 1."""
        self._sure = sure
        self._tracks: list[Track] = []
        self._next_id = 1

    @property
    def tracks(self) -> Sequence[Track]:
        """The confirmed ones, seen or not."""
        return [track for track in self._tracks if track.id]

    def update(
        self,
        detections: Sequence[Detection],
        looks: Sequence[Look],
        frame: int,
        at: float,
        bounds: Box,
    ) -> tuple[list[tuple[Track, Detection]], list[Track]]:
        """The confirmed tracks that were seen, each with its detection, and those given up.

        `bounds`: the part of the frame that is looked at, whose edges people leave by.
        """
        free = [number for number, detection in enumerate(detections) if detection.score >= self._sure]
        unsure = [number for number, detection in enumerate(detections) if detection.score < self._sure]
        live = [track for track in self._tracks if at - track.last_at <= LIVE_S]
        pairs: list[tuple[Track, int]] = []
        for buffer, overlap in zip(BUFFERS, OVERLAPS, strict=True):
            pairs += _match_by_overlap(live, free, detections, at, buffer, overlap)
        pairs += _match_by_overlap(
            [track for track in live if track.id], unsure, detections, at, BUFFERS[0], OVERLAPS[0]
        )
        lost = [track for track in self._tracks if track.id and track not in [pair[0] for pair in pairs]]
        pairs += _match_by_look(lost, free, detections, looks, at)
        seen = []
        for track, number in pairs:
            _move(track, detections[number], looks[number], frame, at, bounds)
            if not track.id and track.hits >= HITS:
                track.id, self._next_id = self._next_id, self._next_id + 1
            if track.id:
                seen.append((track, detections[number]))
        for number in free:
            detection = detections[number]
            self._tracks.append(
                Track(
                    id=0,
                    box=np.array(detection.box, dtype=np.float64),
                    first_frame=frame,
                    first_at=at,
                    last_frame=frame,
                    last_at=at,
                    score=detection.score,
                    look=looks[number],
                    at_edge=_touches(detection.box, bounds),
                )
            )
        return seen, self._give_up(at)

    def hold(self, at: float) -> None:
        """Nothing in the picture moved: who was there at the last look still is."""
        newest = max((track.last_at for track in self._tracks), default=at)
        for track in self._tracks:
            if track.last_at == newest:
                track.last_at = at
                track.velocity[:] = 0

    def close(self) -> list[Track]:
        """Give up all tracks, at the end of a recording."""
        tracks, self._tracks = self.tracks, []
        return list(tracks)

    def _give_up(self, at: float) -> list[Track]:
        def over(track: Track) -> bool:
            if not track.id:
                return at - track.last_at > TENTATIVE_S
            return at - track.last_at > (LIVE_S if track.at_edge else RELINK_S)

        gone = [track for track in self._tracks if over(track)]
        self._tracks = [track for track in self._tracks if not over(track)]
        return [track for track in gone if track.id]


def _move(track: Track, detection: Detection, look: Look, frame: int, at: float, bounds: Box) -> None:
    """Take a detection into a track: an alpha-beta filter for the place, moving means for the rest."""
    measured = np.array(detection.box, dtype=np.float64)
    elapsed = max(at - track.last_at, 1e-3)
    if elapsed > LIVE_S:
        track.box, track.velocity[:] = measured, 0
    else:
        predicted = track.predicted(at)
        residual = measured - predicted
        shift = (residual[:2] + residual[2:]) / 2
        track.velocity += 0.4 * shift / max(elapsed, 0.1)
        track.box = predicted + 0.75 * residual
    track.last_frame, track.last_at = frame, at
    track.hits += 1
    track.score = detection.score
    track.look = (0.8 * track.look + 0.2 * look).astype(np.float32)
    track.at_edge = _touches(detection.box, bounds)


def _touches(box: Box, bounds: Box) -> bool:
    margin = 0.05 * max(box[3] - box[1], box[2] - box[0])
    return bool(
        box[0] - bounds[0] <= margin
        or box[1] - bounds[1] <= margin
        or bounds[2] - box[2] <= margin
        or bounds[3] - box[3] <= margin
    )


def _match_by_overlap(
    tracks: list[Track],
    free: list[int],
    detections: Sequence[Detection],
    at: float,
    buffer: float,
    least: float,
) -> list[tuple[Track, int]]:
    """Pairs of a track and a detection's number, the best overlap first; both are taken out of the lists."""
    if not tracks or not free:
        return []
    predicted = _grown(np.stack([track.predicted(at) for track in tracks]), buffer)
    found = _grown(np.array([detections[number].box for number in free], dtype=np.float64), buffer)
    return _take_best(tracks, free, _overlaps(predicted, found), least)


def _match_by_look(
    tracks: list[Track], free: list[int], detections: Sequence[Detection], looks: Sequence[Look], at: float
) -> list[tuple[Track, int]]:
    if not tracks or not free:
        return []
    values = np.zeros((len(tracks), len(free)))
    for row, track in enumerate(tracks):
        for column, number in enumerate(free):
            if _in_reach(track, detections[number].box, at):
                values[row, column] = likeness(track.look, looks[number])
    return _take_best(tracks, free, values, LIKE)


def _in_reach(track: Track, box: Box, at: float) -> bool:
    """Whether somebody who was lost there can be here by now: a step of half a height, and as much each second."""
    away = np.hypot((box[0] + box[2]) / 2 - (track.box[0] + track.box[2]) / 2, box[3] - track.box[3])
    height = max(track.height, 1.0)
    alike = 0.5 < (box[3] - box[1]) / height < 2
    return alike and bool(away <= height * min(0.5 + 0.5 * (at - track.last_at), 2.0))


def _take_best(
    tracks: list[Track], free: list[int], values: NDArray[np.float64], least: float
) -> list[tuple[Track, int]]:
    pairs: list[tuple[Track, int]] = []
    rows, columns = list(tracks), list(free)
    while values.size:
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        if values[row, column] < least:
            break
        pairs.append((rows[row], columns[column]))
        tracks.remove(rows[row])
        free.remove(columns[column])
        values[row, :] = values[:, column] = -1
    return pairs


def _grown(boxes: NDArray[np.float64], buffer: float) -> NDArray[np.float64]:
    """Boxes `(N, 4)` grown by that share of their size on each side."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate((boxes[:, :2] - buffer * size, boxes[:, 2:] + buffer * size), axis=1)


def _overlaps(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, shape `(len(ones), len(others))`."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (ones, others)]
    return np.asarray(common / np.maximum(areas[0][:, None] + areas[1][None, :] - common, 1e-9))
