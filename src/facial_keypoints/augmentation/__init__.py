"""Transform images and keypoints, offline and inside the training graph."""
