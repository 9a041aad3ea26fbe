"""The drawn competition: an embedded stand-in of Kaggle's "Facial Keypoints Detection".

Every face is drawn from a random 3D head whose 15 points are known exactly; nothing is
downloaded and no photograph is contained. Its archive has Kaggle's layout, sizes of
populations, framing, missing labels, duplicates and a few wrong labels, so that the whole
project runs on it as on the genuine one.

- ``head``: a parametric head, its pose and the 3D surface of its face
- ``geometry``: from a head to the 15 points and to the outlines of eyes, brows and lips
- ``painting``: from a head to a picture, with ``canvas`` (supersampled shapes), ``features``
  (what lies on the skin), ``hair``, ``glasses`` and ``surroundings``
- ``rows``: whose face each row shows, its labels, duplicates and wrong labels
- ``competition``: the archive in Kaggle's layout, and its answer key
"""

from facial_keypoints.synthetic.competition import (
    list_wrong_labels,
    make_answer_key,
    write_archive,
)

__all__ = ["list_wrong_labels", "make_answer_key", "write_archive"]
