"""Parameters and multiply-accumulates of five models, counted from Keras' own layers.

Independent of the project: MACs follow from the output shape and the kernel of each Keras layer, parameters are
Keras' count_params(). Writes test/golden/model-counts.json. tf_keras reads the files Keras 3 refuses.

    python test/oracles/model_counts.py --data ../shared/data
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf
import tf_keras

ROOT = pathlib.Path(__file__).resolve().parents[2]


def layer_macs(layer):
    """Multiply-accumulates of one picture."""
    name = type(layer).__name__
    out = layer.output_shape if hasattr(layer, "output_shape") else tuple(layer.output.shape)
    positions = int(np.prod(out[1:-1]))
    if name == "Conv2D":
        kh, kw, cin, cout = layer.get_weights()[0].shape
        return positions * kh * kw * cin * cout
    if name == "DepthwiseConv2D":
        kh, kw, cin, multiplier = layer.get_weights()[0].shape
        return positions * kh * kw * cin * multiplier
    if name == "Dense":
        cin, cout = layer.get_weights()[0].shape
        return positions * cin * cout
    return 0


def count(model):
    return {"parameters": int(model.count_params()), "macs": int(sum(layer_macs(layer) for layer in model.layers))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    data = pathlib.Path(parser.parse_args().data) / "models"
    mobilenet = keras.applications.MobileNet(alpha=0.25, weights=None, classes=1000)
    models = {
        "fashion-cnn": keras.models.load_model(ROOT / "models/fashion-cnn/fashion-cnn.h5", compile=False),
        "ic_resnet8": tf_keras.models.load_model(data / "mlperf-tiny/ic_resnet8.h5", compile=False),
        "vww_96": tf_keras.models.load_model(data / "mlperf-tiny/vww_96.h5", compile=False),
        "mobilenet_v1_025_224_tfjs": mobilenet,
        "vgg16": keras.applications.VGG16(weights=None, classes=1000),
    }
    result = {
        "generator": "test/oracles/model_counts.py",
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "tf_keras": tf_keras.__version__},
        "models": {name: count(model) for name, model in models.items()},
    }
    target = ROOT / "test/golden/model-counts.json"
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["models"], indent=2))


main()
