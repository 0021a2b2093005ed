"""Golden values for test/unit/preprocess: TensorFlow's resize on a small picture, half-pixel centres, no antialiasing.

    python test/oracles/preprocess_resize.py > test/unit/preprocess/resize-tensorflow.json
"""

import json

import numpy as np
import tensorflow as tf

picture = np.random.RandomState(7).randint(0, 256, (5, 7, 3)).astype(np.uint8)
cases = []
for height, width in [(9, 4), (3, 3), (12, 16), (5, 7), (1, 1), (2, 21)]:
    bilinear = tf.image.resize(picture[None], (height, width), "bilinear", antialias=False).numpy()[0]
    nearest = tf.image.resize(picture[None], (height, width), "nearest", antialias=False).numpy()[0]
    cases.append(
        {
            "height": height,
            "width": width,
            "bilinear": [round(float(v), 4) for v in bilinear.ravel()],
            "nearest": nearest.ravel().tolist(),
        }
    )
print(
    json.dumps(
        {
            "tensorflow": tf.__version__,
            "picture": {"height": 5, "width": 7, "channels": 3, "data": picture.ravel().tolist()},
            "cases": cases,
        }
    )
)
