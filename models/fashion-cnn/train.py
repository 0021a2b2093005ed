"""Trains and packs the embedded demo model: a VGG-style CNN on Fashion-MNIST.

    python models/fashion-cnn/train.py --data DIR [--out models/fashion-cnn]
    python models/fashion-cnn/train.py --data DIR --evaluate-only

DIR holds the four original IDX files of Fashion-MNIST, gzip. Needs Python 3.10+ and the versions in
test/oracles/requirements.txt (tensorflow-cpu, Keras 3). Writes fashion-cnn.h5, samples/ and card.json under --out.

Roles, which never mix: of the 60 000 training images 53 000 train the weights, 5 000 are for validation (choices),
2 000 for calibration and analysis (no gradient ever saw them); the 10 000 test images give the reported accuracy.
"""

import argparse
import gzip
import hashlib
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SEED = 0
EPOCHS = 14
BATCH = 128
PEAK_LEARNING_RATE = 3e-3
VALIDATION = 5000
CALIBRATION_PER_CLASS = 200
TEST_SAMPLES_PER_CLASS = 150
THREADS = 2
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def read_idx(path):
    """The array of an IDX file of unsigned bytes (magic 0x000008, rank, big-endian sizes)."""
    raw = gzip.decompress(Path(path).read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise SystemExit(f"{path}: not an IDX file of unsigned bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(path, array):
    """Gzip without name and time, so that the same samples give the same bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(header + np.ascontiguousarray(array, np.uint8).tobytes())


def choose_indices(train_labels, test_labels):
    """Roles of the images. RandomState's stream is frozen by NumPy, so every version draws the same."""
    order = np.random.RandomState(SEED).permutation(len(train_labels))
    validation, rest = order[:VALIDATION], order[VALIDATION:]
    calibration = take_per_class(rest, train_labels, CALIBRATION_PER_CLASS)
    test_order = np.random.RandomState(SEED).permutation(len(test_labels))
    return {
        "validation": validation,
        "calibration": calibration,
        "train": rest[~np.isin(rest, calibration)],
        "test": take_per_class(test_order, test_labels, TEST_SAMPLES_PER_CLASS),
    }


def take_per_class(order, labels, count):
    """The first `count` images of each class in the given order, kept in that order."""
    seen = np.zeros(len(CLASSES), int)
    taken = []
    for index in order:
        if seen[labels[index]] < count:
            seen[labels[index]] += 1
            taken.append(index)
    return np.array(taken)


def build_model():
    """Three VGG blocks. The first convolution of a block has its ReLU fused, the second one batch norm and a ReLU layer
    of its own, so that a compiler meets both forms."""
    x = image = keras.Input((28, 28, 1), name="image")
    for block, channels in enumerate((16, 32, 64), 1):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{block}_1")(x)
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv{block}_2")(x)
        x = layers.BatchNormalization(momentum=0.98, name=f"conv{block}_2_bn")(x)
        x = layers.ReLU(name=f"conv{block}_2_relu")(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(64, activation="relu", name="dense1")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    x = layers.Dense(len(CLASSES), activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="fashion_cnn")


def scale(images):
    """u8 [N,28,28] to float32 [N,28,28,1] in 0..1."""
    return images[..., None].astype(np.float32) / 255


def augment(images, random):
    """Shifts by up to 2 pixels (border black) and mirrors half of the images."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(images, ((0, 0), (2, 2), (2, 2))), (28, 28), axis=(1, 2))
    count = len(images)
    shifted = windows[np.arange(count), random.randint(0, 5, count), random.randint(0, 5, count)]
    mirrored = random.rand(count) < 0.5
    shifted[mirrored] = shifted[mirrored, :, ::-1]
    return shifted


def train(images, labels, validation):
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = build_model()
    steps = EPOCHS * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_LEARNING_RATE / 10, steps - 200, warmup_target=PEAK_LEARNING_RATE, warmup_steps=200
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    random = np.random.RandomState(SEED)
    for epoch in range(EPOCHS):
        history = model.fit(scale(augment(images, random)), labels, batch_size=BATCH, verbose=0).history
        measured = measure_accuracy(model, *validation)
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {history['loss'][0]:.4f}  validation {measured:.4f}", flush=True)
    return model


def measure_accuracy(model, images, labels):
    return float(np.mean(model.predict(scale(images), batch_size=500, verbose=0).argmax(1) == labels))


def count_macs(model):
    """Multiply-accumulates of one picture: convolutions and dense layers, without bias, norm and pooling."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def describe_file(out, name):
    content = (out / name).read_bytes()
    return {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_card(out, model, accuracy, roles):
    sample_files = [
        f"samples/{role}/{role}-{kind}-ubyte.gz" for role in ("calibration", "test") for kind in ("images-idx3", "labels-idx1")
    ]
    card = {
        "schemaVersion": 1,
        "name": "fashion-cnn",
        "task": "image-classification",
        "description": "VGG-style CNN for 28x28 grey pictures of clothing, 10 classes",
        "source": "trained by train.py in this folder, no pretrained weights",
        "licence": {
            "model": "Apache-2.0",
            "samples": "MIT (Fashion-MNIST, Copyright 2017 Zalando SE)",
            "cite": "Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, arXiv:1708.07747",
        },
        "model": {**describe_file(out, "fashion-cnn.h5"), "format": "keras-h5"},
        "samples": [describe_file(out, name) for name in [*sample_files, "samples/indices.json"]],
        "inputShape": [28, 28, 1],
        "inputRange": [0, 1],
        "preprocessing": {
            "version": 1,
            "crop": {"kind": "none"},
            "resize": "none",
            "colour": "grey",
            "height": 28,
            "width": 28,
            "channels": 1,
            "mean": [0],
            "std": [255],
        },
        "classes": CLASSES,
        "parameters": {
            "total": int(model.count_params()),
            "trainable": int(sum(np.prod(weight.shape) for weight in model.trainable_weights)),
        },
        "macs": count_macs(model),
        "accuracy": accuracy,
        "training": {
            "script": "train.py",
            "seed": SEED,
            "epochs": EPOCHS,
            "batch": BATCH,
            "threads": THREADS,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "images": {
                "train": f"{len(roles['train']):,} of the 60,000 training images: those in neither of the next two",
                "validation": f"{len(roles['validation']):,} of the training images, seeded draw: for choices",
                "calibration": f"{len(roles['calibration']):,} of the training images, {CALIBRATION_PER_CLASS} a class, never trained on: samples/calibration",
                "test": f"all 10,000 test images: the reported accuracy; {len(roles['test']):,} of them, {TEST_SAMPLES_PER_CLASS} a class: samples/test",
            },
        },
    }
    (out / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")


def write_samples(out, train_set, test_set, roles):
    for role, (images, labels) in (("calibration", train_set), ("test", test_set)):
        write_idx(out / f"samples/{role}/{role}-images-idx3-ubyte.gz", images[roles[role]])
        write_idx(out / f"samples/{role}/{role}-labels-idx1-ubyte.gz", labels[roles[role]])
    rule = {
        "rule": {
            "order": "p = numpy RandomState(0).permutation(60000); t = numpy RandomState(0).permutation(10000)",
            "validation": f"the first {VALIDATION} of p, indices into the 60 000 training images",
            "calibration": f"the first {CALIBRATION_PER_CLASS} of each class in the rest of p, in that order",
            "train": "the rest of p without calibration",
            "test": f"the first {TEST_SAMPLES_PER_CLASS} of each class in t, indices into the 10 000 test images",
        },
        **{role: roles[role].tolist() for role in ("calibration", "test")},
    }
    lines = json.dumps(rule["rule"], indent=2, ensure_ascii=False).replace("\n", "\n  ")
    lists = ",\n".join(f'  "{role}": {json.dumps(rule[role])}' for role in ("calibration", "test"))
    (out / "samples/indices.json").write_text(f'{{\n  "rule": {lines},\n{lists}\n}}\n')


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Train and pack fashion-cnn, or measure the packed file.")
    parser.add_argument("--data", type=Path, required=True, help="folder with Fashion-MNIST's four IDX gzip files")
    parser.add_argument("--out", type=Path, default=here, help="where fashion-cnn.h5, samples/ and card.json go or are")
    parser.add_argument("--evaluate-only", action="store_true", help="print the accuracy of the file under --out")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    train_set, test_set = (
        tuple(read_idx(options.data / f"{part}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
        for part in ("train", "t10k")
    )
    roles = choose_indices(train_set[1], test_set[1])
    pick = lambda part, role: tuple(array[roles[role]] for array in part)  # noqa: E731
    file = options.out / "fashion-cnn.h5"
    if not options.evaluate_only:
        options.out.mkdir(parents=True, exist_ok=True)
        trained = train(*pick(train_set, "train"), pick(train_set, "validation"))
        trained.save(file, include_optimizer=False)
        write_samples(options.out, train_set, test_set, roles)

    model = keras.models.load_model(file, compile=False)
    accuracy = {
        "test10000": measure_accuracy(model, *test_set),
        "validation": measure_accuracy(model, *pick(train_set, "validation")),
        "calibrationSamples": measure_accuracy(model, *pick(train_set, "calibration")),
        "testSamples": measure_accuracy(model, *pick(test_set, "test")),
    }
    accuracy = {name: round(value, 6) for name, value in accuracy.items()}
    if not options.evaluate_only:
        write_card(options.out, model, accuracy, roles)
    for name, value in accuracy.items():
        print(f"{name:<20}{100 * value:.2f} %")


if __name__ == "__main__":
    main()
