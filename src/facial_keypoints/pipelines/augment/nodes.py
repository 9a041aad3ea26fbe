"""Nodes of the augment pipeline."""

from facial_keypoints.augmentation.offline import AugmentationSummary, augment
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import AugmentParameters


def augment_faces(
    faces: FaceSet, parameters: AugmentParameters
) -> tuple[FaceSet, AugmentationSummary]:
    """Add mirrored, rotated, shifted, brighter, darker and noisy copies to the faces.

    Args:
        faces: The originals.
        parameters: The recipe, and which faces to transform.

    Returns:
        All samples, and the number of samples by step.

    Raises:
        InputError: if there is no face to transform.
    """
    return augment(faces, parameters)
