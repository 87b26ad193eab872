"""One camera's eyes without the detector: what to look at, and what the boxes that come back mean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.errors import InputError
from domain.records import Box, Detection, Frame, Image
from domain.settings import Camera
from vision.appearance import Look, likeness, look_of
from vision.crops import BestCrop
from vision.door import Crossing, Direction, DoorLine, Passage, Step
from vision.motion import Motion, MotionGate
from vision.picture import Picture, letterbox
from vision.rhythm import Rhythm
from vision.tracking import LIVE_S, Track, Tracker

#: Seconds between detections while nothing moves: people who came in unseen and stand still are found.
STILL_S = 5.0
#: Seconds between detections while nothing moves but people who are known and of whom nothing is to be decided.
KNOWN_S = 1.0
#: Seconds between detections at a camera without a door while a single person moves of whom all is told, or something
#: in which the last detections found nobody: a car, a curtain, the picture of somebody who has just gone.
MOVES_S = 0.4
#: Seconds of detections that find nobody until that is believed.
NOBODY_S = 1.0
#: Heights from the door's line within which everyone is watched at the full rate.
NEAR_DOOR = 1.5
#: Without a door: who is present for so many seconds is a visit.
PRESENT_S = 1.0
#: Detections below the camera's score continue tracks and never begin one; down to this share of it.
UNSURE = 0.5
#: Likeness from which one who comes in is taken for one who just went out, in another track. High, since a visitor
#: who is not announced is worse than one of the staff who is: of different people one pair in fifteen is as alike.
SAME = 0.95


class SeenKind(StrEnum):
    """What a person did."""

    #: Came in through the door.
    ENTRY = "entry"
    #: Went out through the door.
    EXIT = "exit"
    #: Somebody to be announced.
    VISIT = "visit"
    #: Announced, and then stepped back out within two seconds: not counted.
    WITHDRAWN = "withdrawn"
    #: Stayed at a department's camera.
    SAMPLE = "sample"
    #: The track is over; its first and last frame are final.
    GONE = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Something that a person did in front of the camera."""

    kind: SeenKind
    #: The person, as far as this camera can tell; from 1.
    track: int
    #: When it happened: the frame of the crossing, or that of the last look; and its time, in the frames' seconds.
    frame: int
    at: float
    #: The first and last frame so far in which the person was detected.
    first_frame: int
    last_frame: int
    #: Whether it is a crossing of the door.
    crossed: bool = False
    #: The best picture of the person: with VISIT and SAMPLE.
    crop: Image | None = None
    #: Whether the picture's left or right edge cut the person off in it.
    cut: bool = False


@dataclass(slots=True)
class _Person:
    """What the watcher remembers of a track."""

    track: Track
    crop: BestCrop
    passage: Passage | None
    told: bool = False


class Watcher:
    """Turns one camera's frames into visits and samples, by frame time alone; holds no clock, thread or network.

    `look` says whether a frame is worth detecting, `see` takes what was detected. Boxes, lines and regions are in
    pixels of the frame.
    """

    def __init__(self, camera: Camera, *, gated: bool = True) -> None:
        """`gated`: skip frames in which nothing moves."""
        self._camera = camera
        #: The score down to which the detector should report.
        self.score = camera.score * UNSURE
        self.entries = 0
        self.exits = 0
        self.visits = 0
        self._line = DoorLine(camera.door) if camera.door else None
        self._size: tuple[int, int] | None = None
        #: The size of the first picture, which the settings speak of.
        self._drawn_on = (0, 0)
        self._region = (0, 0, 0, 0)
        self._parted: list[Seen] = []
        self._gate = MotionGate() if gated else None
        self._tracker = Tracker(camera.score)
        self._people: dict[int, _Person] = {}
        self._outside: list[tuple[float, int, Look]] = []
        self._rhythm = Rhythm(camera.fps)
        self._looked = float("-inf")
        #: When somebody was found last.
        self._found = float("-inf")

    @property
    def tracks(self) -> Sequence[Track]:
        """The people who are followed now, to be drawn."""
        return self._tracker.tracks

    def look(self, frame: Frame) -> Picture | None:
        """The picture to detect people in; None if there is nothing to detect in this frame.

        Raises InputError if the door's line or the region lies outside the picture.
        """
        self._check(frame.image)
        if not self._rhythm.calls(frame.at):
            return None
        self._rhythm.beat(frame.at)
        if self._gate and self._may_skip(self._gate, frame):
            self._tracker.hold(self._looked, frame.at)
            return None
        self._looked = frame.at
        return letterbox(frame.image, self._region, self._camera.size)

    def see(self, frame: Frame, picture: Picture, detections: Sequence[Detection]) -> list[Seen]:
        """What happened, given the people found in that frame's picture (boxes in the picture's pixels)."""
        found = [replace(detection, box=picture.to_frame(detection.box)) for detection in detections]
        found = [detection for detection in found if _is_box(detection.box)]
        if found or self._found == float("-inf"):
            self._found = frame.at
        looks = [look_of(frame.image, detection.box) for detection in found]
        left, top, right, bottom = self._region
        seen, gone = self._tracker.update(found, looks, frame.index, frame.at, (left, top, right, bottom))
        events, self._parted = self._parted, []
        for track, detection in seen:
            person = self._person(track)
            if not person.told:
                others = [other.box for other in found if other is not detection]
                person.crop.offer(frame.image, detection.box, detection.score, others)
            if person.passage:
                for sight in track.sights:
                    events += self._steps(person, person.passage.see(sight))
                track.sights.clear()
        for person in self._people.values():
            events += self._settle(person, frame.at)
        for track in gone:
            events += self._part(track, frame.at)
        return events

    def finish(self) -> list[Seen]:
        """What is left to tell at the end of a recording."""
        events, self._parted = self._parted, []
        for track in self._tracker.close():
            events += self._part(track, track.last_at)
        return events

    def _check(self, image: Image) -> None:
        height, width = image.shape[:2]
        if self._size == (width, height):
            return
        if self._size is None:
            self._size = self._drawn_on = (width, height)
            self._region = self._camera.region or (0, 0, width, height)
            self._check_places(width, height)
            return
        # The camera was set to another size. Nobody can be followed across it; door and region go along.
        for track in self._tracker.close():
            self._parted += self._part(track, track.last_at)
        self._size, scale = (width, height), (width / self._drawn_on[0], height / self._drawn_on[1])
        left, top, right, bottom = self._camera.region or (0, 0, *self._drawn_on)
        left, top = min(int(left * scale[0]), width - 1), min(int(top * scale[1]), height - 1)
        self._region = (left, top, max(left + 1, int(right * scale[0])), max(top + 1, int(bottom * scale[1])))
        if self._camera.door:
            self._line = DoorLine(self._camera.door, scale)

    def _check_places(self, width: int, height: int) -> None:
        picture = f"the picture, which is {width}x{height}"
        if self._region[2] > width or self._region[3] > height:
            raise InputError(f"the region {_show(self._region)} lies outside {picture}; give it in its pixels")
        if self._camera.door:
            line = self._camera.door.line
            if not all(0 <= x <= width and 0 <= y <= height for x, y in (line[:2], line[2:])):
                raise InputError(f"the door's line {_show(line)} lies outside {picture}; give it in its pixels")

    def _person(self, track: Track) -> _Person:
        if track.id not in self._people:
            passage = Passage(self._line) if self._line else None
            self._people[track.id] = _Person(track, BestCrop(), passage)
        return self._people[track.id]

    def _may_skip(self, gate: MotionGate, frame: Frame) -> bool:
        """Whether looking at this frame would tell nothing new."""
        left, top, right, bottom = self._region
        boxes = [track.box for track in self._tracker.tracks if track.seen_at == self._looked]
        known = [(box[0] - left, box[1] - top, box[2] - left, box[3] - top) for box in boxes]
        motion = gate.look(frame.image[top:bottom, left:right], frame.at, known)
        if self._decides(frame.at) or (motion is Motion.KNOWN and self._someone_at_door()):
            return False
        return frame.at - self._looked < self._pause(motion)

    def _pause(self, motion: Motion) -> float:
        """Seconds between detections, where nothing else calls for one."""
        if motion is Motion.NONE:
            return STILL_S
        if motion is Motion.KNOWN:
            return KNOWN_S
        if self._line:
            return 0.0
        if motion is Motion.NEAR:
            alone = len(self._people) == 1 and all(person.told for person in self._people.values())
            return MOVES_S if alone else 0.0
        nobody = self._looked - self._found >= NOBODY_S
        return MOVES_S if nobody else 0.0

    def _decides(self, at: float) -> bool:
        """Whether somebody was found or lost just now, is crossing, or is still to be told of."""
        if self._tracker.wavers(self._looked, at):
            return True
        untold = self._camera.role == "entrance" and self._line is None
        return any(
            person.passage.waits(at) if person.passage else untold and not person.told
            for person in self._people.values()
            if at - person.track.last_at <= LIVE_S
        )

    def _someone_at_door(self) -> bool:
        return any(
            person.passage is not None and person.passage.distance <= NEAR_DOOR for person in self._people.values()
        )

    def _settle(self, person: _Person, at: float) -> list[Seen]:
        if person.passage:
            return self._steps(person, person.passage.settle(at))
        if person.told:
            return []
        stayed = person.track.last_at - person.track.first_at
        if self._camera.role == "department":
            if stayed < self._camera.dwell_s:
                return []
            return [self._tell(person, SeenKind.SAMPLE)]
        if stayed < PRESENT_S:
            return []
        self.visits += 1
        return [self._tell(person, SeenKind.VISIT)]

    def _part(self, track: Track, at: float) -> list[Seen]:
        person = self._people.pop(track.id, None)
        if person is None:
            return []
        events = self._steps(person, person.passage.settle(at, over=True)) if person.passage else []
        return [*events, self._tell(person, SeenKind.GONE)]

    def _steps(self, person: _Person, steps: list[tuple[Step, Crossing]]) -> list[Seen]:
        events = []
        for step, crossing in steps:
            inwards = crossing.direction is Direction.IN
            if step is Step.COUNTED:
                self.entries += inwards
                self.exits += not inwards
                if not inwards:
                    self._outside.append((crossing.at, person.track.id, person.track.look))
                events.append(self._tell(person, SeenKind.ENTRY if inwards else SeenKind.EXIT, crossing))
            elif inwards and step is Step.ANNOUNCED and not self._returns(person, crossing.at):
                self.visits += 1
                events.append(self._tell(person, SeenKind.VISIT, crossing))
            elif inwards and step is Step.WITHDRAWN and person.told:
                self.visits -= 1
                events.append(self._tell(person, SeenKind.WITHDRAWN, crossing))
        return events

    def _returns(self, person: _Person, at: float) -> bool:
        """Whether this person went out less than `return_s` ago."""
        self._outside = [gone for gone in self._outside if at - gone[0] < self._camera.return_s]
        return any(
            track == person.track.id or likeness(look, person.track.look) >= SAME for _, track, look in self._outside
        )

    def _tell(self, person: _Person, kind: SeenKind, crossing: Crossing | None = None) -> Seen:
        track = person.track
        best = BestCrop()
        if kind in {SeenKind.VISIT, SeenKind.SAMPLE}:
            person.told = True
            best, person.crop = person.crop, best
        return Seen(
            kind=kind,
            track=track.id,
            frame=crossing.frame if crossing else track.last_frame,
            at=crossing.at if crossing else track.last_at,
            first_frame=track.first_frame,
            last_frame=track.last_frame,
            crossed=crossing is not None,
            crop=best.image,
            cut=best.cut,
        )


def _is_box(box: Box) -> bool:
    return box[2] - box[0] >= 1 and box[3] - box[1] >= 1


def _show(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)
