"""Image and keypoint transforms, offline and inside the training graph."""
