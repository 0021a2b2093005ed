"""Outputs of tails (int8 wire tensors in) in onnxruntime.

    python test/oracles/tail_outputs.py FOLDER < jobs.json > answers.json

A job: model, wires (name, shape without the batch, file of int8 records), batch (samples a run), out (where the first output
goes, float32). The answer has what the session says of itself.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def describe(values):
    return [{"name": v.name, "type": v.type, "shape": v.shape} for v in values]


def run(folder, job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / job["model"]), options, providers=["CPUExecutionProvider"])
    feeds = {}
    for wire in job["wires"]:
        feeds[wire["name"]] = np.fromfile(folder / wire["file"], np.int8).reshape(-1, *wire["shape"])
    count = len(next(iter(feeds.values())))
    parts = []
    for start in range(0, count, job["batch"]):
        batch = {name: values[start : start + job["batch"]] for name, values in feeds.items()}
        parts.append(session.run(None, batch)[0].astype(np.float32))
    np.concatenate(parts).tofile(folder / job["out"])
    return {
        "inputs": describe(session.get_inputs()),
        "outputs": describe(session.get_outputs()),
        "metadata": session.get_modelmeta().custom_metadata_map,
        "version": onnxruntime.__version__,
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    json.dump([run(folder, job) for job in json.load(sys.stdin)], sys.stdout)
