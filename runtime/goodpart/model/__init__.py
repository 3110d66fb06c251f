"""A frame becomes embeddings: the backbone, and what its ONNX file must show first."""
