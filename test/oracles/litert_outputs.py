"""What LiteRT says about .tflite files: tensor details and, for float networks, outputs for seeded inputs.

    python test/oracles/litert_outputs.py OUT FILE.tflite...

Writes OUT/<stem>.json: {"tensors": [...], "inputs": [[...]], "outputs": [[...]]} (float32, SAMPLES records each). Where the
interpreter refuses a file (it does since 2.x when biases state their filter's axis), "error" says why and "tensors" comes
from LiteRT's own generated schema classes.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

SAMPLES = 3


def describe(details):
    q = details["quantization_parameters"]
    return {
        "index": int(details["index"]),
        "name": details["name"],
        "shape": [int(d) for d in details["shape"]],
        "dtype": np.dtype(details["dtype"]).name,
        "scales": [float(s) for s in q["scales"]],
        "zeroPoints": [int(z) for z in q["zero_points"]],
        "axis": int(q["quantized_dimension"]),
    }


def read_schema(path):
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    types = {v: k.lower() for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    tensors = []
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        q = tensor.quantization
        tensors.append(
            {
                "index": index,
                "name": tensor.name.decode(),
                "shape": [int(d) for d in tensor.shape],
                "dtype": types[tensor.type],
                "scales": [float(s) for s in q.scale] if q and q.scale is not None else [],
                "zeroPoints": [int(z) for z in q.zeroPoint] if q and q.zeroPoint is not None else [],
                "axis": int(q.quantizedDimension) if q else 0,
            }
        )
    return tensors


def run(path):
    interpreter = Interpreter(model_path=str(path))
    result = {"tensors": [describe(d) for d in interpreter.get_tensor_details()]}
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if any(d["dtype"] != np.float32 for d in inputs + outputs):
        return result
    random = np.random.RandomState(1)
    result["inputs"], result["outputs"] = [], []
    for _ in range(SAMPLES):
        values = random.uniform(-1, 1, inputs[0]["shape"]).astype(np.float32)
        interpreter.set_tensor(inputs[0]["index"], values)
        interpreter.invoke()
        result["inputs"].append([float(v) for v in values.ravel()])
        result["outputs"].append([float(v) for v in interpreter.get_tensor(outputs[0]["index"]).ravel()])
    return result


def main(out, files):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for path in map(Path, files):
        try:
            result = run(path)
        except (RuntimeError, ValueError) as error:
            result = {"error": str(error), "tensors": read_schema(path)}
        (out / f"{path.stem}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
