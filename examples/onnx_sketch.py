"""A sketch by ONNX Runtime alone, without most-sketch: python onnx_sketch.py generator.onnx pencil photo.jpg sketch.png

`most-sketch export -o DIR` writes generator.onnx. The photo is to show the head and shoulders, as a passport's does.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, style, photo, output = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
config = json.loads(session.get_modelmeta().custom_metadata_map["most_sketch_model"])
picture = ImageOps.fit(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"), (400, 500))
pixels = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
(sketches,) = session.run(["sketch"], {"photo": pixels, "style": np.array([config["styles"].index(style)])})
grey = ((sketches[0, 0] + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
Image.fromarray(grey).save(output)
