"""Head pose from keypoints."""

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import LEFT_EYE, RIGHT_EYE
from facial_keypoints.photos.records import HeadPose
from facial_keypoints.synthetic.geometry import keypoints_on_head
from facial_keypoints.synthetic.head import Head

_CAMERA_DISTANCE: Final = 40.0
"""From the camera to the head, in distances between the eyes: about 2.5 m. A photo seldom says."""
_TO_CAMERA: Final = np.diag([1.0, 1.0, -1.0])
"""Z of a head points to the viewer, Z of OpenCV's camera away from it."""


@cache
def _mean_head() -> npt.NDArray[np.float64]:
    """The keypoints (15, 3) of the mean head of the synthetic competition."""
    points = keypoints_on_head(Head(), population=0)
    return np.asarray((points - points.mean(axis=0)) @ _TO_CAMERA)


def head_pose(points: npt.NDArray[np.floating]) -> HeadPose:
    """Return roll, yaw and pitch of a head.

    Args:
        points: (15, 2), keypoints in pixels of the photo.

    Source:
        Perspective-n-point by ``cv2.solvePnP``, Levenberg and Marquardt's method, on the mean
        three-dimensional face.
    """
    model = _mean_head()
    image = np.asarray(points, np.float64)
    across = image[LEFT_EYE] - image[RIGHT_EYE]
    spread = np.sqrt(((image - image.mean(axis=0)) ** 2).sum() / (model[:, :2] ** 2).sum())
    eyes = float(np.linalg.norm(model[LEFT_EYE] - model[RIGHT_EYE]))
    distance = _CAMERA_DISTANCE * eyes
    focal = max(float(spread), 1e-6) * distance
    camera = np.array([[focal, 0, 0], [0, focal, 0], [0, 0, 1.0]])
    roll = np.arctan2(across[1], across[0])
    _, rotation, _ = cv2.solvePnP(
        model,
        image - image.mean(axis=0),
        camera,
        None,
        rvec=np.array([0.0, 0.0, roll]),
        tvec=np.array([0.0, 0.0, distance]),
        useExtrinsicGuess=True,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    matrix, _ = cv2.Rodrigues(rotation)
    return pose_of(_TO_CAMERA @ matrix @ _TO_CAMERA)


def pose_of(rotation: npt.NDArray[np.floating]) -> HeadPose:
    """Return the angles of a rotation (3, 3) of ``synthetic.head.Head``, in degrees."""
    pitch = -np.arcsin(np.clip(rotation[2, 1], -1, 1))
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return HeadPose(*(float(np.degrees(angle)) for angle in (roll, yaw, pitch)))
