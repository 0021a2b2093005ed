"""Runs whole Keras .h5 models with Keras 2 (tf_keras) on seeded inputs.

    python keras_outputs.py OUT FILE.h5...

Writes OUT/<file name>.json for each: parameters, input and outputs (row-major) of two samples, one run at a time, in the
range 0 to 255 or, for models other than the first, 0 to 1.
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tf_keras

out, *files = sys.argv[1:]
for index, path in enumerate(files):
    model = tf_keras.models.load_model(path, compile=False)
    rng = np.random.default_rng(index)
    shape = model.inputs[0].shape[1:]
    high = 255.0 if index == 0 else 1.0
    samples = [rng.uniform(0, high, (1, *shape)).astype("float32") for _ in range(2)]
    expected = {
        "params": int(model.count_params()),
        "inputs": [s.ravel().tolist() for s in samples],
        "outputs": [np.asarray(model(s, training=False)).ravel().tolist() for s in samples],
        "layers": [layer.name for layer in model.layers],
    }
    with open(os.path.join(out, os.path.basename(path) + ".json"), "w") as file:
        json.dump(expected, file)
