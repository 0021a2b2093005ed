"""Small data files as NumPy, TensorFlow and Python's tarfile write them, for test/unit/data.

    python test/oracles/data_fixtures.py test/unit/data/fixtures

Pixel i of an array (in C order) is (7 i + 3) mod 256, so a reader can be checked without a second copy of the values.
"""

import io
import pathlib
import sys
import tarfile

import numpy as np
import tensorflow as tf

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)


def pattern(shape, dtype):
    count = int(np.prod(shape))
    return ((np.arange(count) * 7 + 3) % 256).reshape(shape).astype(dtype)


for dtype in ["u1", "u2", "i4", "i8", "f4", "f8", ">i4", ">f4"]:
    np.save(out / f"nhwc_{dtype.replace('>', 'big_')}.npy", pattern((3, 2, 4, 3), dtype))
np.save(out / "nhw_u1.npy", pattern((3, 2, 4), "u1"))
np.save(out / "flat_u1.npy", pattern((3, 24), "u1"))
np.save(out / "flat_f4.npy", pattern((3, 24), "f4"))
with open(out / "version2_u1.npy", "wb") as file:
    np.lib.format.write_array(file, pattern((3, 2, 4, 3), "u1"), version=(2, 0))
np.save(out / "labels_i8.npy", np.array([2, 0, 1], "i8"))
np.save(out / "labels_column_u1.npy", np.array([[2], [0], [1]], "u1"))
np.save(out / "labels_f4.npy", np.array([2, 0, 1], "f4"))

# What must be refused.
np.save(out / "bad_fortran.npy", np.asfortranarray(pattern((3, 2, 4, 3), "u1")))
ragged = np.empty(2, object)
ragged[0], ragged[1] = np.zeros((2, 2)), np.zeros((3, 3))
np.save(out / "bad_object.npy", ragged, allow_pickle=True)
np.save(out / "bad_complex.npy", np.zeros((2, 2, 2), "c8"))
np.save(out / "bad_channels_first.npy", pattern((2, 3, 8, 8), "u1"))
np.save(out / "bad_negative.npy", pattern((3, 2, 4, 3), "i4") - 128)
np.save(out / "bad_not_finite.npy", np.full((2, 2, 2), np.nan, "f4"))
np.save(out / "bad_empty.npy", np.zeros((0, 2, 2), "u1"))
np.save(out / "bad_one_hot.npy", np.eye(3, dtype="u1"))
np.save(out / "bad_rank5.npy", pattern((2, 2, 2, 2, 2), "u1"))

x, y = pattern((3, 2, 4, 3), "u1"), np.array([2, 0, 1])
np.savez(out / "stored.npz", images=x, labels=y)
np.savez_compressed(out / "compressed.npz", x=x, y=y)
np.savez(out / "keras.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
np.savez(out / "bad_keys.npz", a=x, b=y)
np.savez(out / "bad_count.npz", images=x, labels=y[:2])


def png(shape, dtype="u1"):
    return tf.io.encode_png(pattern(shape, dtype)).numpy()


pictures = {
    "rgb.png": png((2, 4, 3)),
    "grey.png": png((2, 4, 1)),
    "rgba.png": png((2, 4, 4)),
    "grey-alpha.png": png((2, 4, 2)),
    # Every 16-bit value is 257 times the 8-bit one: the exact image of it.
    "grey16.png": tf.io.encode_png(pattern((2, 4, 1), "u2") * np.uint16(257)).numpy(),
}
for name, data in pictures.items():
    (out / name).write_bytes(data)


def write_tar(path, mode, form, entries, extra=()):
    with tarfile.open(path, mode, format=form) as tar:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in extra:
            tar.addfile(info)


long_name = "./set/train/cat/" + "long" * 40 + ".png"
link = tarfile.TarInfo("set/train/dog/link.png")
link.type, link.linkname = tarfile.SYMTYPE, "../../../../etc/passwd"
entries = [
    (long_name, pictures["rgb.png"]),
    ("./set/train/dog/1.png", pictures["grey.png"]),
    ("./set/train/dog/._1.png", b"resource fork"),
    ("./set/test/cat/2.png", pictures["rgba.png"]),
]
write_tar(out / "gnu.tar", "w", tarfile.GNU_FORMAT, entries, [link])
write_tar(out / "pax.tar", "w", tarfile.PAX_FORMAT, entries, [link])
labelled = [("b.png", pictures["rgb.png"]), ("a.png", pictures["grey.png"]), ("labels.csv", b"file,label\na.png,1\nb.png,0\n")]
write_tar(out / "labelled.tar", "w", tarfile.USTAR_FORMAT, labelled)
write_tar(out / "bad_outside.tar", "w", tarfile.USTAR_FORMAT, [("cat/../../x.png", pictures["rgb.png"])])
write_tar(out / "bad_absolute.tar", "w", tarfile.USTAR_FORMAT, [("/etc/x.png", pictures["rgb.png"])])
