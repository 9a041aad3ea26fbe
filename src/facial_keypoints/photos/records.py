"""Faces in photos, from boxes to results."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FaceCrops:
    """Faces that a finder found, n in all, cut out with surroundings.

    A patch is larger than the framed image and finer, so that a face can be framed again without
    its photo.

    Attributes:
        patches: uint8 (n, size, size), grey.
        to_patch: float64 (n, 3, 3), from pixels of the photo to pixels of the patch.
        frames: float64 (n, 3, 3), by the box: from pixels of the photo to the 96x96 image.
        boxes: float64 (n, 4), x, y, width and height in pixels of the photo.
        box_confidence: float64 (n,), from 0 to 1.
        photo: int64 (n,), position of the photo in the list.
        photo_size: int64 (photos, 2), width and height; 0 where it could not be read.
        problem: str (photos,), what is wrong with a photo; empty where nothing is.
    """

    patches: npt.NDArray[np.uint8]
    to_patch: npt.NDArray[np.float64]
    frames: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float64]
    box_confidence: npt.NDArray[np.float64]
    photo: npt.NDArray[np.int64]
    photo_size: npt.NDArray[np.int64]
    problem: npt.NDArray[np.str_]


@dataclass(frozen=True)
class FacePoints:
    """Predicted keypoints of n faces.

    Attributes:
        points: float64 (n, 15, 2), in pixels of the photo.
        confidence: float64 (n, 15), the probability that the point is within 5 % of the distance
            between the eyes.
        frames: float64 (n, 3, 3), of the images that were predicted on.
        images: uint8 (n, 96, 96), these images.
    """

    points: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    frames: npt.NDArray[np.float64]
    images: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class VideoFaces:
    """Faces in the frames of a video, k in all.

    Attributes:
        frames: Int (), number of frames.
        frame: int64 (k,), from 0, rising.
        face: int64 (k,), number of the face in the video, from 1.
        points: float64 (k, 15, 2), in pixels of the frame.
        confidence: float64 (k, 15).
        box: float64 (k, 4), x, y, width and height of the square that the face was framed by.
    """

    frames: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]
    face: npt.NDArray[np.int64]
    points: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    box: npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoundBox:
    """The box of a face, in pixels of the photo, edge to edge.

    Attributes:
        x: Left edge.
        y: Upper edge.
        width: In pixels.
        height: In pixels.
        confidence: From 0 to 1, by the finder.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float


@dataclass(frozen=True)
class HeadPose:
    """How a head is turned, in degrees.

    Attributes:
        roll: Positive turns clockwise as seen.
        yaw: Positive turns the nose to the right of the photo.
        pitch: Positive lowers the nose.
    """

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True)
class PhotoPoint:
    """One keypoint.

    Attributes:
        x: In pixels of the photo, to the right, edge to edge.
        y: The same, down.
        confidence: Probability that it is within 5 % of the distance between the eyes.
    """

    x: float
    y: float
    confidence: float


@dataclass(frozen=True)
class PhotoFace:
    """One face of a photo.

    Attributes:
        face: Its number in the photo, from 1; the largest first.
        box: Where the finder found it.
        points: By the name of the keypoint; left is the subject's left.
        pose: Of the head.
        eye_distance: Between the eye centres, in pixels of the photo.
    """

    face: int
    box: FoundBox
    points: dict[str, PhotoPoint]
    pose: HeadPose
    eye_distance: float


@dataclass(frozen=True)
class PhotoResult:
    """One photo.

    Attributes:
        photo: Name of the file, relative to the folder.
        width: In pixels, with the EXIF orientation applied; 0 where it could not be read.
        height: The same.
        faces: The largest first.
        problem: Why there is no face; None where there is one.
    """

    photo: str
    width: int
    height: int
    faces: list[PhotoFace] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True)
class PhotoResults:
    """Every photo of a run.

    Attributes:
        model: Name of the champion.
        fingerprint: Of its training.
        finder: That found the faces.
        folder: That the photos' names are relative to.
        photos: In the order of their names.
    """

    model: str
    fingerprint: str
    finder: str
    folder: str
    photos: list[PhotoResult]
