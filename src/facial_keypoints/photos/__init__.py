"""Keypoints on photos: face finding, framing, prediction, confidence, head pose, drawing.

- ``reading``: the photos of a file or folder
- ``finders``: one file per face finder, with its registry
- ``framing``: from a box or from keypoints to a 96x96 image framed as the competition's
- ``cropping``: faces cut out of photos
- ``prediction``: keypoints in the photo's pixels
- ``confidence``: calibrated on hold-out faces
- ``pose``: roll, yaw and pitch of the head
- ``records``, ``tables``: results
- ``drawing``: annotated photos and videos
- ``video``, ``face_tracker``, ``smoothing``: the frames of a video
"""
