"""The champion in formats that run without this package: Keras, ONNX and LiteRT."""
