"""Runs .tflite files in the interpreters that Python has; a model or an interpreter that refuses is part of the answer.

stdin:  JSON list of {model, inputs: [base64, ...]} (one entry an input tensor, raw bytes; model in base64)
stdout: JSON list of {litert-reference, litert, tflite-micro}, each {outputs: [base64, ...]} or {error}
"""
import base64
import json
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime

ARENA_BYTES = 16 << 20


def run_litert(model, inputs, resolver):
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    for details, raw in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(details["index"], np.frombuffer(raw, details["dtype"]).reshape(details["shape"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]).tobytes() for d in interpreter.get_output_details()]


def run_micro(model, inputs):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA_BYTES)
    for i, raw in enumerate(inputs):
        details = interpreter.get_input_details(i)
        interpreter.set_input(np.frombuffer(raw, details["dtype"]).reshape(details["shape"]), i)
    interpreter.invoke()
    outputs = []
    while True:
        try:
            outputs.append(interpreter.get_output(len(outputs)).tobytes())
        except (IndexError, RuntimeError):
            return outputs


RUNTIMES = {
    "litert-reference": lambda m, x: run_litert(m, x, OpResolverType.BUILTIN_REF),
    "litert": lambda m, x: run_litert(m, x, OpResolverType.AUTO),
    "tflite-micro": run_micro,
}


def attempt(run, model, inputs):
    try:
        return {"outputs": [base64.b64encode(o).decode() for o in run(model, inputs)]}
    except Exception as error:  # noqa: BLE001: whatever a runtime throws is its answer
        return {"error": f"{type(error).__name__}: {error}"}


def answer(question):
    model = base64.b64decode(question["model"])
    inputs = [base64.b64decode(x) for x in question["inputs"]]
    return {name: attempt(run, model, inputs) for name, run in RUNTIMES.items()}


def main():
    # The interpreters print to stdout; the answer goes to the real one.
    real = os.dup(1)
    os.dup2(2, 1)
    answers = [answer(q) for q in json.load(sys.stdin)]
    with os.fdopen(real, "w") as out:
        json.dump(answers, out)


if __name__ == "__main__":
    main()
