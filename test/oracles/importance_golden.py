"""Golden importance curves for `analyze`: CUI, cuiSum, margin and Taylor by TensorFlow's GradientTape in float64.

    python test/oracles/importance_golden.py --data DATA [--only MODEL] [--out test/golden/importance]

DATA is the shared data folder. Independent of the SDK: nothing here is computed by it. Definitions, per picture, with
A the activation of a layer [H,W,C], g = dy/dA, y the correct class's logit before softmax, batch norm in inference mode:

    w_c    = mean over h,w of g                    M = relu(mean over c of w_c * A_c)         [H,W]
    cui    = mean over h,w and pictures of M       cuiSum = cui * H * W * C
    margin = cui with y = correct logit - logsumexp of the other logits
    taylor = mean over pictures and channels of |mean over h,w of g * A|

Layers: what comes out of each ReLU (fused or a layer of its own) and of each pooling layer, when it is [H,W,C]; dense
ReLU outputs count as H = W = 1. Flatten, Dropout and the like repeat a tensor and are left out.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

BATCH = 32
DIGITS = 10
REPOSITORY = Path(__file__).resolve().parents[2]
POOLING = {"MaxPooling2D", "AveragePooling2D"}


def read_idx(path):
    raw = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(raw, ">u4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def fashion_samples(_data):
    """The first 256 embedded calibration samples, scaled to 0..1."""
    folder = REPOSITORY / "models/fashion-cnn/samples/calibration"
    images = read_idx(folder / "calibration-images-idx3-ubyte.gz")[:256]
    labels = read_idx(folder / "calibration-labels-idx1-ubyte.gz")[:256]
    return images[..., None], labels, 255


def cifar_samples(data):
    """The first 256 records of test_2000, values 0..255."""
    raw = gzip.decompress((data / "datasets/cifar10/test_2000.bin.gz").read_bytes())
    records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)[:256]
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0], 1


def tiny_imagenet_samples(data):
    """The first 256 validation pictures of labels.csv, 64x64 to 96x96 by nearest (source pixel floor((2i+1)*64/192)), grey
    ones repeated to three channels, scaled to 0..1, labelled 0 and 1 by turns."""
    folder = data / "datasets/tiny-imagenet-200"
    with open(folder / "labels.csv", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["file"].startswith("val/")][:256]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress((folder / "val_2000.tar.gz").read_bytes()))) as tar:
        decode = lambda name: tf.io.decode_jpeg(  # noqa: E731
            tar.extractfile(name).read(), channels=3, dct_method="INTEGER_ACCURATE"
        ).numpy()
        pictures = np.stack([decode(name) for name in names])
    source = (2 * np.arange(96) + 1) * 64 // 192
    return pictures[:, source][:, :, source], np.arange(len(pictures)) % 2, 255


CASES = {
    "fashion-cnn": {
        "library": keras,
        "file": "models/fashion-cnn/fashion-cnn.h5",
        "shared": False,
        "samples": fashion_samples,
        "subsets": [[0, 3, 7], [1, 2]],
    },
    "ic_resnet8": {
        "library": tf_keras,
        "file": "models/mlperf-tiny/ic_resnet8.h5",
        "shared": True,
        "samples": cifar_samples,
        "subsets": [[0, 3, 7], [1, 2]],
    },
    "vww_96": {
        "library": tf_keras,
        "file": "models/mlperf-tiny/vww_96.h5",
        "shared": True,
        "samples": tiny_imagenet_samples,
        "subsets": [[0], [1]],
    },
}


def load_with_logits(library, path):
    """The saved network in float64 with the softmax of its last layer taken off."""
    library.backend.set_floatx("float64")
    saved = library.models.load_model(path, compile=False)
    config = saved.get_config()
    for layer in config["layers"]:
        layer["config"]["dtype"] = "float64"
    last = config["layers"][-1]
    if last["class_name"] != "Dense" or last["config"]["activation"] != "softmax":
        raise SystemExit(f"{path}: the last layer is {last['class_name']}, not Dense with softmax")
    last["config"]["activation"] = "linear"
    model = type(saved).from_config(config)
    model.set_weights(saved.get_weights())
    return model


def is_tapped(layer):
    kind = type(layer).__name__
    relu = getattr(getattr(layer, "activation", None), "__name__", "") == "relu"
    rank = len(layer.output.shape)
    return (rank == 4 and (kind in POOLING or kind == "ReLU" or relu)) or (rank == 2 and kind == "Dense" and relu)


def measure_pictures(model, library, layers, inputs, labels):
    """Per layer and picture: the CUI map's mean for both seeds and Taylor's mean. Three arrays [pictures] a layer."""
    taps = library.Model(model.inputs, [layer.output for layer in layers] + [model.output])
    sums = {layer.name: {"cui": [], "margin": [], "taylor": []} for layer in layers}
    correct_count = 0
    for start in range(0, len(inputs), BATCH):
        x = tf.constant(inputs[start : start + BATCH], tf.float64)
        one_hot = tf.one_hot(labels[start : start + BATCH], model.output.shape[-1], dtype=tf.float64)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            *activations, logits = taps(x, training=False)
            correct = tf.reduce_sum(logits * one_hot, -1)
            others = tf.reduce_logsumexp(tf.where(one_hot > 0, tf.constant(-np.inf, tf.float64), logits), -1)
            margin = correct - others
        correct_count += int(np.sum(np.argmax(logits, -1) == labels[start : start + BATCH]))
        for seed, of in (("cui", correct), ("margin", margin)):
            for layer, a, g in zip(layers, activations, tape.gradient(of, activations)):
                a, g = (as_maps(value.numpy()) for value in (a, g))
                assert a.dtype == np.float64
                weights = g.mean((1, 2), keepdims=True)
                sums[layer.name][seed].append(np.maximum((weights * a).mean(3), 0).mean((1, 2)))
                if seed == "cui":
                    sums[layer.name]["taylor"].append(np.abs((g * a).mean((1, 2))).mean(1))
        del tape
    pictures = {name: {key: np.concatenate(parts) for key, parts in row.items()} for name, row in sums.items()}
    return pictures, correct_count


def as_maps(value):
    return value if value.ndim == 4 else value[:, None, None, :]


def round_significant(value):
    return float(f"{value:.{DIGITS}g}")


def make_curve(per_picture, shapes, chosen):
    rows = {}
    for name, row in per_picture.items():
        mean = {key: float(values[chosen].mean()) for key, values in row.items()}
        rows[name] = {
            "cui": mean["cui"],
            "cuiSum": mean["cui"] * int(np.prod(shapes[name])),
            "margin": mean["margin"],
            "taylor": mean["taylor"],
        }
        rows[name] = {key: round_significant(value) for key, value in rows[name].items()}
    return rows


def make_golden(case, data):
    library = case["library"]
    path = (data if case["shared"] else REPOSITORY) / case["file"]
    model = load_with_logits(library, path)
    pictures, labels, divisor = case["samples"](data)
    labels = labels.astype(np.int64)
    layers = [layer for layer in model.layers if is_tapped(layer)]
    shapes = {layer.name: ([1, 1] + list(layer.output.shape[1:]))[-3:] for layer in layers}
    per_picture, correct = measure_pictures(
        model, library, layers, pictures.astype(np.float64) / divisor, labels
    )
    subsets = []
    for classes in [None, *case["subsets"]]:
        chosen = np.ones(len(labels), bool) if classes is None else np.isin(labels, classes)
        subsets.append(
            {"classes": classes, "samples": int(chosen.sum()), "layers": make_curve(per_picture, shapes, chosen)}
        )
    return {
        "generator": "test/oracles/importance_golden.py",
        "versions": {"tensorflow": tf.__version__, "keras": library.__version__, "numpy": np.__version__},
        "dtype": "float64",
        "model": {"file": case["file"], "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "samples": {
            "count": len(labels),
            "what": " ".join(case["samples"].__doc__.split()),
            "shape": list(pictures.shape[1:]),
            "divisor": divisor,
            "picturesSha256": hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest(),
            "labels": labels.tolist(),
            "correct": correct,
        },
        "shapes": shapes,
        "subsets": subsets,
    }


def format_json(value, indent=""):
    """JSON with one layer, shape or list a line, so that a changed curve is a readable diff."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not holds_containers(value):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key)}: {format_json(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + format_json(item, inner) for item in value) + f"\n{indent}]"


def holds_containers(value):
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(item, (dict, list)) for item in items)


def main():
    parser = argparse.ArgumentParser(description="Write the golden importance curves.")
    parser.add_argument("--data", type=Path, required=True, help="the shared data folder (models/, datasets/)")
    parser.add_argument("--only", choices=CASES, help="one model instead of all")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "test/golden/importance")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else CASES:
        golden = make_golden(CASES[name], options.data)
        (options.out / f"{name}.json").write_text(format_json(golden) + "\n")
        curve = golden["subsets"][0]["layers"]
        size = [-np.log10(np.prod(shape)) for shape in golden["shapes"].values()]
        r = np.corrcoef([np.log10(row["cui"]) for row in curve.values()], size)[0, 1]
        print(f"{name}: {len(curve)} layers, {golden['samples']['correct']} of {golden['samples']['count']} correct, r {r:.3f}")


if __name__ == "__main__":
    main()
