"""Values and gradients of one-op computations from TensorFlow, and the same values from LiteRT's float kernels.

stdin:  JSON list of {expression, inputs: [{shape, data, weight}], seed: {shape, data}, wrt: [i], litert: bool}
stdout: JSON list of {tensorflow, litert, model, gradients, versions}; model is the TFLite file in base64

Inputs are called a, b, c, ... in the expression; weights are constants of the converted model.
"""
import base64
import json
import os
import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
import ai_edge_litert

NAMES = "abcdefgh"
VERSIONS = f"tensorflow {tf.__version__}, ai-edge-litert {getattr(ai_edge_litert, '__version__', 'unknown')}"


def array(value):
    return np.asarray(value["data"], dtype=np.float32).reshape(value["shape"])


def evaluate(expression, values):
    scope = {"tf": tf, "np": np, **{NAMES[i]: v for i, v in enumerate(values)}}
    return eval(expression, scope)


def answer(question):
    arrays = [array(v) for v in question["inputs"]]
    constants = [v["weight"] for v in question["inputs"]]
    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        for t in tensors:
            tape.watch(t)
        y = evaluate(question["expression"], tensors)
    wrt = question["wrt"]
    gradients = tape.gradient(y, [tensors[i] for i in wrt], output_gradients=tf.constant(array(question["seed"]))) if wrt else []
    gradients = [np.zeros(arrays[i].shape) if g is None else g.numpy() for i, g in zip(wrt, gradients)]
    litert, model = run_litert(question["expression"], arrays, constants) if question["litert"] else (None, None)
    return {
        "tensorflow": y.numpy().astype(float).ravel().tolist(),
        "litert": litert,
        "model": model and base64.b64encode(model).decode(),
        "gradients": [g.astype(float).ravel().tolist() for g in gradients],
        "versions": VERSIONS,
    }


def run_litert(expression, arrays, constants):
    fed = [i for i, constant in enumerate(constants) if not constant]

    @tf.function(input_signature=[tf.TensorSpec(arrays[i].shape, tf.float32, name=NAMES[i]) for i in fed])
    def function(*inputs):
        values = [tf.constant(a) for a in arrays]
        for i, t in zip(fed, inputs):
            values[i] = t
        return {"y": tf.identity(evaluate(expression, values))}

    module = tf.Module()
    module.function = function
    model = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module).convert()
    # The plain float kernels: XNNPACK would reorder sums.
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    outputs = interpreter.get_signature_runner()(**{NAMES[i]: arrays[i] for i in fed})
    return outputs["y"].astype(float).ravel().tolist(), model


def main():
    # TensorFlow and the converter print to stdout; the answer goes to the real one.
    real = os.dup(1)
    os.dup2(2, 1)
    answers = [answer(q) for q in json.load(sys.stdin)]
    with os.fdopen(real, "w") as out:
        json.dump(answers, out)


if __name__ == "__main__":
    main()
