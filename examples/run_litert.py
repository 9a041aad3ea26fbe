"""Find keypoints with a .tflite file. Needs ai-edge-litert and opencv-python-headless only."""

import json
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

if len(sys.argv) < 3:
    sys.exit(f"usage: python {sys.argv[0]} facial_keypoints.tflite face1.png face2.png ...")
model, *pictures = sys.argv[1:]
if wrong := [path for path in pictures if not (Path(path).is_file() and cv2.haveImageReader(path))]:
    sys.exit(f"{wrong[0]}: not found, or not a picture that OpenCV reads")
names = json.loads(zipfile.ZipFile(model).read("metadata.json"))["keypoints"]
predict = Interpreter(model).get_signature_runner()
grey = [cv2.imread(picture, cv2.IMREAD_GRAYSCALE) for picture in pictures]  # each shows one face
faces = np.stack([cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA) for face in grey])
keypoints = predict(image=faces)["keypoints"]

for picture, face, points in zip(pictures, grey, keypoints, strict=True):
    for name, (x, y) in zip(names, points / 96 * face.shape[::-1], strict=True):
        print(f"{picture},{name},{x:.2f},{y:.2f}")
