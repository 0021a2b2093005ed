"""Keras networks as tf2onnx writes them: seeded small ones, and MLPerf Tiny's ResNet-8 when its file is given.

    python test/oracles/keras_onnx_models.py OUT [ic_resnet8.h5]
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf
import tf2onnx


def enliven(model):
    """Untrained networks fade to constants: larger kernels without batch norm, real statistics with it."""
    random = np.random.RandomState(0)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.gamma.assign(random.uniform(0.6, 1.4, layer.gamma.shape))
        layer.beta.assign(random.normal(0, 0.2, layer.beta.shape))
        layer.momentum = 0.0
    if norms:
        model(random.uniform(-1, 1, (16, *model.input_shape[1:])).astype(np.float32), training=True)
    else:
        for variable in model.variables:
            variable.assign(variable * 1.6 if len(variable.shape) > 1 else random.normal(0, 0.2, variable.shape))
    return model


def write(out, name, model, opset):
    spec = [tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")]
    tf2onnx.convert.from_function(tf.function(lambda image: model(image, training=False)), spec, opset=opset, output_path=str(out / f"{name}.onnx"))


def main(out, *files):
    out = Path(out)
    keras.utils.set_random_seed(0)
    write(out, "tf_mobilenet_v2", enliven(keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=7)), 17)
    write(out, "tf_mobilenet_v3", enliven(keras.applications.MobileNetV3Small((32, 32, 3), alpha=0.75, weights=None, classes=5, include_preprocessing=False)), 13)
    base = keras.applications.VGG16(weights=None, input_shape=(64, 32, 3), include_top=False)
    write(out, "tf_vgg16", enliven(keras.Sequential([base, keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])), 12)
    for path in files:
        write(out, f"tf_{Path(path).stem}", keras.models.load_model(path, compile=False), 15)


if __name__ == "__main__":
    main(*sys.argv[1:])
