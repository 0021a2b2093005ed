"""Converts a Keras model to int8 with TensorFlow's own converter.

    python official_int8.py MODEL SAMPLES.f32 OUT.tflite

MODEL is an .h5 file (read by the Keras, 2 or 3, that wrote it) or a TF.js Layers model.json, whose topology and weights are put into
Keras 2 layers of the same names. SAMPLES is float32, one network input after the other: the representative dataset.
The file has int8 input and output. Prints one line of JSON: bytes, seconds to import, load and convert, versions.
"""
import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
model_path, samples_path, out_path = sys.argv[1:]


def keras_generation(path):
    if path.endswith(".json"):
        return "2"
    import h5py

    with h5py.File(path, "r") as file:
        version = file.attrs.get("keras_version", "2")
    return (version.decode() if isinstance(version, bytes) else version)[0]


start = time.perf_counter()
legacy = keras_generation(model_path) != "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1" if legacy else "0"
import numpy as np
import tensorflow as tf

if legacy:
    import tf_keras as keras
else:
    import keras

imported = time.perf_counter()


def load_tfjs(path):
    with open(path) as file:
        model_json = json.load(file)
    topology = model_json["modelTopology"]
    model = keras.models.model_from_json(json.dumps(topology.get("model_config", topology)))
    weights = {}
    for group in model_json["weightsManifest"]:
        data = b"".join(
            open(os.path.join(os.path.dirname(path), name), "rb").read() for name in group["paths"]
        )
        at = 0
        for spec in group["weights"]:
            assert spec["dtype"] == "float32" and "quantization" not in spec
            size = int(np.prod(spec["shape"]))
            weights[spec["name"]] = np.frombuffer(data, "<f4", size, at).reshape(spec["shape"])
            at += 4 * size
    for layer in model.layers:
        names = [w.name.split(":")[0] for w in layer.weights]
        if names:
            layer.set_weights([weights[name] for name in names])
    return model


if model_path.endswith(".json"):
    model = load_tfjs(model_path)
else:
    model = keras.models.load_model(model_path, compile=False)
shape = [int(d) for d in model.inputs[0].shape[1:]]
samples = np.fromfile(samples_path, "<f4").reshape(-1, 1, *shape)
loaded = time.perf_counter()


def representative():
    for sample in samples:
        yield [sample]


converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = representative
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = tf.int8
converter.inference_output_type = tf.int8
flatbuffer = converter.convert()
converted = time.perf_counter()
with open(out_path, "wb") as file:
    file.write(flatbuffer)
print(
    json.dumps(
        {
            "bytes": len(flatbuffer),
            "samples": len(samples),
            "importSeconds": round(imported - start, 3),
            "loadSeconds": round(loaded - imported, 3),
            "convertSeconds": round(converted - loaded, 3),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
    )
)
