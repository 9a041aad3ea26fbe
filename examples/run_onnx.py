"""Find keypoints with facial_keypoints.onnx. Needs onnxruntime and opencv-python-headless only."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

if len(sys.argv) < 3:
    sys.exit(f"usage: python {sys.argv[0]} facial_keypoints.onnx face1.png face2.png ...")
model, *pictures = sys.argv[1:]
if wrong := [path for path in pictures if not (Path(path).is_file() and cv2.haveImageReader(path))]:
    sys.exit(f"{wrong[0]}: not found, or not a picture that OpenCV reads")
session = onnxruntime.InferenceSession(model)
names = json.loads(session.get_modelmeta().custom_metadata_map["keypoints"])
grey = [cv2.imread(picture, cv2.IMREAD_GRAYSCALE) for picture in pictures]  # each shows one face
faces = np.stack([cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA) for face in grey])
(keypoints,) = session.run(["keypoints"], {"image": faces})

for picture, face, points in zip(pictures, grey, keypoints, strict=True):
    for name, (x, y) in zip(names, points / 96 * face.shape[::-1], strict=True):
        print(f"{picture},{name},{x:.2f},{y:.2f}")
