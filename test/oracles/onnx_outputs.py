"""Outputs of onnxruntime for seeded inputs.

    python test/oracles/onnx_outputs.py OUT FILE.onnx...

Writes OUT/<stem>.json: input and output shapes, and one record of each a range (float32).
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

# Range of each sample's values: pictures come as -1..1 and as 0..255.
RANGES = [1, 150]


def main(out, *files):
    out = Path(out)
    for path in map(Path, files):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (tensor,) = session.get_inputs()
        shape = [d if isinstance(d, int) else 1 for d in tensor.shape]
        random = np.random.RandomState(3)
        dtype = np.float16 if tensor.type == "tensor(float16)" else np.float32
        result = {"inputShape": shape, "inputs": [], "outputs": []}
        for limit in RANGES:
            values = random.uniform(-limit, limit, shape).astype(dtype)
            output = session.run(None, {tensor.name: values})[0]
            result["outputShape"] = list(output.shape)
            result["inputs"].append([float(v) for v in values.ravel()])
            result["outputs"].append([float(v) for v in output.ravel()])
        (out / f"{path.stem}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
