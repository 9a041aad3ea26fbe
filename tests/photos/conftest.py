"""Photos to predict on."""

import pytest
from PIL import Image

from facial_keypoints.synthetic import render_faces


@pytest.fixture
def folder(tmp_path):
    """Two faces and a file that is no photo."""
    faces = render_faces(2, seed=0)
    for name, image in zip("ac", faces.images, strict=True):
        Image.fromarray(image).resize((192, 192)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"no photo")
    return tmp_path
