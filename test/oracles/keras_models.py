"""Makes small Keras models with seeded weights, saves them in every Keras format, and runs them.

    python keras_models.py OUT

For each model: OUT/<name>.h5 and OUT/<name>.keras, and in OUT/expected.json the number of parameters, the inputs (by
name, row-major) and the outputs Keras computes. Models called k3_* are made by Keras 3, k2_* by Keras 2 (tf_keras).

Variants of one model, for the storage and naming that other versions use: k3_residual.packed.h5 (chunks, shuffle, deflate,
float64), k3_residual.latest.h5 (libver="latest"), k3_residual.unnamed.keras (no layer names in the weights).
"""
import io
import json
import os
import sys
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras

out = sys.argv[1]
expected = {}


def finish(name, model):
    rng = np.random.default_rng(len(expected) + 1)
    for layer_weights in model.weights:
        shape = tuple(layer_weights.shape)
        label = getattr(layer_weights, "path", layer_weights.name)
        if "variance" in label:
            value = rng.uniform(0.5, 1.5, shape)
        elif "count" in label or not str(layer_weights.dtype).find("float") >= 0:
            continue
        else:
            value = rng.normal(0, 0.3, shape)
        layer_weights.assign(value.astype("float32"))
    model.save(os.path.join(out, f"{name}.h5"))
    model.save(os.path.join(out, f"{name}.keras"))
    feeds = [rng.normal(0, 1, (1, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    results = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    results = results if isinstance(results, (list, tuple)) else [results]
    expected[name] = {
        "version": (keras if name.startswith("k3") else tf_keras).__version__,
        "params": int(model.count_params()),
        "inputs": [f.ravel().tolist() for f in feeds],
        "outputs": [np.asarray(r).ravel().tolist() for r in results],
    }


def block(L, x, prefix, multiplier=2):
    """Residual block: depthwise, batch norm, separable, add, concat."""
    y = L.DepthwiseConv2D(3, padding="same", depth_multiplier=multiplier, name=f"{prefix}_dw")(x)
    y = L.BatchNormalization(name=f"{prefix}_bn", scale=False)(y)
    y = L.SeparableConv2D(8, 3, padding="same", activation="swish", name=f"{prefix}_sep")(y)
    x = L.Add(name=f"{prefix}_plus")([x, y])
    return L.Concatenate(name=f"{prefix}_cat")([x, y])


def keras3_residual():
    L = keras.layers
    image = keras.Input((17, 15, 3), name="image")
    x = L.Rescaling(1 / 127.5, offset=-1, name="scale")(image)
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="first")(x)
    x = L.BatchNormalization(name="first_bn", epsilon=0.01)(x)
    x = block(L, x, "one")
    inner = keras.Sequential([keras.Input((9, 8, 16)), L.Conv2D(8, 1, name="c"), L.ReLU(6.0, name="r")], name="inner")
    x = inner(x)
    shared = L.Conv2D(8, (1, 3), padding="same", name="shared")
    x = L.Add(name="twice")([shared(x), shared(L.LeakyReLU(negative_slope=0.2, name="leaky")(x))])
    x = x * 2.0 + 1.0
    x = keras.ops.relu6(x)
    x = L.Dropout(0.3, name="drop")(x)
    x = L.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(image, L.Dense(5, activation="softmax", name="out")(x), name="residual")


def keras3_shapes():
    L = keras.layers
    image = keras.Input((12, 10, 3), name="image")
    x = L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 4.0, 0.25], name="norm")(image)
    x = L.ZeroPadding2D(((1, 2), (0, 3)), name="pad")(x)
    a = L.MaxPooling2D(3, strides=2, padding="same", name="maxpool")(x)
    b = L.AveragePooling2D((2, 3), strides=2, padding="same", name="avgpool")(x)
    x = L.Multiply(name="times")([a, b])
    x = L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="tanh", name="up_same")(x)
    x = L.Conv2DTranspose(4, 2, strides=3, padding="valid", name="up_valid")(x)
    x = L.Conv2D(4, 3, dilation_rate=2, activation="hard_sigmoid", name="dilated")(x)
    n = L.UpSampling2D(2, name="nearest")(x)
    n = L.MaxPooling2D(2, name="down")(n)
    m = L.UpSampling2D((2, 3), interpolation="bilinear", name="bilinear")(x)
    m = L.Resizing(40, 32, name="resize")(m)
    f = L.Flatten(name="flat")(L.GlobalMaxPooling2D(keepdims=True, name="gmp")(n))
    p = L.Permute((2, 1, 3), name="permute")(m)
    p = L.Reshape((-1, 4), name="rows")(p)
    p = L.Dense(3, activation="sigmoid", name="per_row")(p)
    p = L.Activation("hard_silu", name="hs")(p)
    return keras.Model(image, [L.Dense(3, activation="silu", name="f_out")(f), p], name="shapes")


def keras3_sequential():
    L = keras.layers
    model = keras.Sequential([L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(), L.Conv2D(4, 3), L.Flatten(), L.Dense(3)])
    model.build((None, 9, 9, 2))
    return model


def keras3_two_inputs():
    L = keras.layers
    left = keras.Input((6, 6, 2), name="left")
    right = keras.Input((6, 6, 2), name="right")
    tower_in = keras.Input((6, 6, 2), name="tower_in")
    tower = keras.Model(tower_in, L.Conv2D(3, 3, name="conv", activation="relu")(tower_in), name="tower")
    a, b = tower(left), tower(right)
    x = L.Concatenate(axis=1, name="cat")([L.Subtract(name="minus")([a, b]), L.Average(name="avg")([a, b, a])])
    x = L.Conv2D(2, 1, name="conv")(x)
    return keras.Model([right, left], L.GlobalAveragePooling2D(name="gap")(x), name="pair")


def keras2_functional():
    L = tf_keras.layers
    image = tf_keras.Input((16, 16, 3), name="image")
    x = L.Conv2D(8, 3, padding="same", activation="relu6", name="first")(image)
    x = block(L, x, "one", 1)
    inner_in = tf_keras.Input((16, 16, 16), name="inner_in")
    y = L.Conv2D(8, 1, name="first")(inner_in)
    y = L.BatchNormalization(name="bn")(y)
    inner = tf_keras.Model(inner_in, L.ReLU(max_value=6, name="r")(y), name="inner")
    x = inner(x)
    x = tf.nn.relu6(x + 3.0) * (1.0 / 6.0)
    y = tf_keras.Sequential([L.Conv2D(8, 3, padding="same", name="c"), L.LeakyReLU(0.1, name="l")], name="seq")(x)
    x = x + y
    x = L.Activation("hard_sigmoid", name="hs")(x)
    x = L.AveragePooling2D(4, name="pool")(x)
    x = L.Flatten(name="flat")(x)
    return tf_keras.Model(image, L.Dense(4, activation="softmax", name="out")(x), name="functional")


def keras2_sequential():
    L = tf_keras.layers
    return tf_keras.Sequential(
        [
            L.DepthwiseConv2D(3, strides=2, padding="same", input_shape=(11, 13, 2), name="dw"),
            L.BatchNormalization(name="bn"),
            L.Activation("relu", name="act"),
            L.Conv2D(5, 1, use_bias=False, name="pw"),
            L.SpatialDropout2D(0.1, name="drop"),
            L.GlobalAveragePooling2D(name="gap"),
            L.Dense(3, name="out"),
        ],
        name="chain",
    )


finish("k3_residual", keras3_residual())
finish("k3_shapes", keras3_shapes())
finish("k3_sequential", keras3_sequential())
finish("k3_two_inputs", keras3_two_inputs())
finish("k2_functional", keras2_functional())
finish("k2_sequential", keras2_sequential())


def copy_h5(source, target, change=lambda data: {"data": data}, drop_name=False):
    for key, value in source.attrs.items():
        if not (drop_name and key == "name"):
            target.attrs[key] = value
    for key, item in source.items():
        if isinstance(item, h5py.Group):
            copy_h5(item, target.create_group(key), change, drop_name)
        else:
            target.create_dataset(key, **change(item[()]))


def pack(data):
    if data.ndim < 2:
        return {"data": data.astype("float64")}
    return {"data": data, "chunks": tuple(max(1, (d + 1) // 2) for d in data.shape), "compression": "gzip", "shuffle": True}


residual = os.path.join(out, "k3_residual")
with h5py.File(f"{residual}.h5") as source:
    with h5py.File(f"{residual}.packed.h5", "w") as target:
        copy_h5(source, target, pack)
    with h5py.File(f"{residual}.latest.h5", "w", libver="latest") as target:
        copy_h5(source, target, pack)
with zipfile.ZipFile(f"{residual}.keras") as source, zipfile.ZipFile(
    f"{residual}.unnamed.keras", "w", zipfile.ZIP_DEFLATED
) as target:
    for entry in source.namelist():
        data = source.read(entry)
        if entry.endswith(".h5"):
            buffer = io.BytesIO()
            with h5py.File(io.BytesIO(data)) as named, h5py.File(buffer, "w") as unnamed:
                copy_h5(named, unnamed, drop_name=True)
            data = buffer.getvalue()
        target.writestr(entry, data)

with open(os.path.join(out, "expected.json"), "w") as file:
    json.dump(expected, file)
