"""Synthetic faces with exactly known keypoints: a stand-in for Kaggle's competition.

``render_faces`` gives images and keypoints; ``write_archive`` gives the whole competition in
Kaggle's layout, with its populations, missing labels, duplicates and a few wrong labels.

- ``head``: a parametric 3-D head, its pose and the surface of its face
- ``geometry``: the outlines of its features and its 15 keypoints
- ``render``: from a head to an image, with ``canvas`` (shapes), ``features`` (on the skin) and
  ``surroundings`` (background, hair, glasses)
- ``rows``: the face and the labels of each row
- ``archive``: the archive, the answer key and faces alone
"""

from facial_keypoints.synthetic.archive import (
    list_wrong_labels,
    make_answer_key,
    render_faces,
    write_archive,
)

__all__ = ["list_wrong_labels", "make_answer_key", "render_faces", "write_archive"]
