"""Small seeded networks as TensorFlow's converter writes them, one for each way an operator appears in real files.

    python test/oracles/tflite_models.py OUT

Also writes OUT/schema.json: enum values and builtin names of the TFLite schema that TensorFlow ships.
"""

import json
import os
import re
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

RANDOM = np.random.RandomState(0)


def weights(*shape):
    return tf.constant(RANDOM.normal(0, 0.4, shape).astype(np.float32))


def operators(x):
    """Most float operators once, branching and joining. x [1, 12, 10, 3]."""
    y = tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]), weights(3, 3, 3, 8), 2, "VALID") + weights(8)
    y = tf.nn.leaky_relu(y, 0.125)
    y = tf.nn.depthwise_conv2d(y, weights(3, 3, 8, 2), [1, 1, 1, 1], "SAME") + weights(16)
    y = tf.nn.relu6(y)
    a = tf.nn.max_pool2d(y, 2, 2, "SAME")
    b = tf.nn.avg_pool2d(y, 3, 2, "SAME")
    y = tf.concat([a, b, a - b * 0.5], -1)
    y = tf.nn.conv2d(y, weights(3, 3, 48, 8), 1, "SAME", dilations=2) + weights(8)
    y = y * tf.nn.relu6(y + 3.0) / 6.0
    y = tf.nn.conv2d_transpose(y, weights(3, 3, 6, 8), [1, 8, 6, 6], 2, "SAME") + weights(6)
    y = tf.tanh(y)
    y = tf.image.resize(y, [9, 7], "bilinear")
    y = tf.image.resize(y, [11, 12], "nearest")
    y = tf.sigmoid(tf.transpose(y, [0, 2, 1, 3]))
    top = tf.reduce_max(y, [1, 2])
    mean = tf.squeeze(tf.reduce_mean(y, [1, 2], keepdims=True), [1, 2])
    y = tf.concat([top, mean], 1)
    y = tf.matmul(y, weights(12, 5)) + weights(5)
    return tf.nn.softmax(y)


def aligned_resizes(x):
    """The other resize flags, and a reflected scale. x [1, 6, 7, 2]."""
    y = tf.compat.v1.image.resize_bilinear(x, [11, 9], align_corners=True)
    y = tf.compat.v1.image.resize_nearest_neighbor(y, [5, 13], align_corners=False)
    return tf.compat.v1.image.resize_bilinear(y, [8, 8], align_corners=False, half_pixel_centers=False)


def flattened(x):
    """A free batch: the shape of the Reshape is computed from the input's. x [None, 6, 6, 2]."""
    y = tf.nn.relu(tf.nn.conv2d(x, weights(3, 3, 2, 4), 2, "SAME"))
    y = tf.reshape(y, [tf.shape(y)[0], 36])
    return tf.matmul(y, weights(36, 4)) + weights(4)


def converter(function, shape):
    traced = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32, "image")])
    concrete = traced.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete])


def write(out, name, function, shape, mode="float"):
    global RANDOM
    RANDOM = np.random.RandomState(0)
    c = converter(function, shape)
    if mode == "float16":
        c.optimizations = [tf.lite.Optimize.DEFAULT]
        c.target_spec.supported_types = [tf.float16]
    if mode == "int8":
        samples = np.random.RandomState(2).uniform(-1, 1, (8, 1, *shape[1:])).astype(np.float32)
        c.optimizations = [tf.lite.Optimize.DEFAULT]
        c.representative_dataset = lambda: ([s] for s in samples)
        c.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        c.inference_input_type = tf.int8
        c.inference_output_type = tf.int8
    (out / f"{name}.tflite").write_bytes(c.convert())


def enum(kind):
    return {k: v for k, v in vars(kind).items() if isinstance(v, int)}


def fields(kind):
    """Field ids of a table, read off the vtable offsets in the generated accessors."""
    import inspect

    found = {}
    for name, function in vars(kind).items():
        if callable(function) and not name.startswith(("Init", "GetRootAs")):
            match = re.search(r"_tab\.Offset\((\d+)\)", inspect.getsource(function))
            if match and not name.endswith(("AsNumpy", "Length", "IsNone")):
                found[name] = (int(match.group(1)) - 4) // 2
    return found


def main(out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write(out, "operators_float", operators, [1, 12, 10, 3])
    write(out, "operators_float16", operators, [1, 12, 10, 3], "float16")
    write(out, "operators_int8", operators, [1, 12, 10, 3], "int8")
    write(out, "resizes_float", aligned_resizes, [1, 6, 7, 2])
    write(out, "flattened_float", flattened, [None, 6, 6, 2])
    tables = {name: fields(kind) for name, kind in vars(schema).items() if isinstance(kind, type) and hasattr(kind, "GetRootAs")}
    enums = {name: enum(getattr(schema, name)) for name in ("BuiltinOperator", "BuiltinOptions", "TensorType", "ActivationFunctionType", "Padding", "FullyConnectedOptionsWeightsFormat")}
    (out / "schema.json").write_text(json.dumps({"enums": enums, "tables": tables}))


if __name__ == "__main__":
    main(sys.argv[1])
