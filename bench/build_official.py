"""The other side of `npm run bench -- build`: TensorFlow's converter and the TFLite-Micro interpreter of PyPI.

Reads one JSON command a line on stdin and answers with one JSON line on stdout, so that imports and loading are not timed:
  {"do": "load", "model": H5, "samples": FILE, "count": n}    -> {"tensorflow": version}
  {"do": "convert"}                                           -> {"ms": time, "bytes": size of the file}
  {"do": "open", "model": TFLITE, "inputs": FILE, "count": n} -> {"tflm": version}
  {"do": "invoke"}                                            -> {"ms": time, "sha256": of all outputs}
Samples are float32 network inputs, inputs int8 records, one after the other. Only the calls that do the work are timed.
"""

import hashlib
import importlib.metadata
import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np


class Converter:
    def load(self, command):
        import tensorflow as tf

        self.tf = tf
        self.model = tf.keras.models.load_model(command["model"], compile=False)
        shape = [1, *self.model.input_shape[1:]]
        samples = np.fromfile(command["samples"], dtype="<f4").reshape([command["count"], *shape])
        self.samples = samples
        return {"tensorflow": tf.__version__}

    def convert(self):
        tf = self.tf
        converter = tf.lite.TFLiteConverter.from_keras_model(self.model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample] for sample in self.samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        start = time.perf_counter()
        file = converter.convert()
        return {"ms": 1000 * (time.perf_counter() - start), "bytes": len(file)}


class Micro:
    def open(self, command):
        from tflite_micro.python.tflite_micro import runtime

        self.interpreter = runtime.Interpreter.from_file(command["model"], arena_size=4 * 1024 * 1024)
        shape = self.interpreter.get_input_details(0)["shape"]
        self.inputs = np.fromfile(command["inputs"], dtype=np.int8).reshape([command["count"], *shape])
        return {"tflm": importlib.metadata.version("tflite-micro")}

    def invoke(self):
        digest = hashlib.sha256()
        spent = 0.0
        for record in self.inputs:
            self.interpreter.set_input(record, 0)
            start = time.perf_counter()
            self.interpreter.invoke()
            spent += time.perf_counter() - start
            digest.update(self.interpreter.get_output(0).tobytes())
        return {"ms": 1000 * spent, "sha256": digest.hexdigest()}


def main():
    # TensorFlow prints to stdout, which is for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)
    converter, micro = Converter(), Micro()
    for line in sys.stdin:
        command = json.loads(line)
        does = {
            "load": lambda: converter.load(command),
            "convert": converter.convert,
            "open": lambda: micro.open(command),
            "invoke": micro.invoke,
        }
        answers.write(json.dumps(does[command["do"]]()) + "\n")
        answers.flush()


main()
