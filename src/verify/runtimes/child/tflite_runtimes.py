"""Runs .tflite models in a Python runtime for verify: tflite-micro, litert (XNNPACK) or litert-reference.

Frames as in frames.ts: requests on stdin, replies on file descriptor 3. A request holds a model and records of raw
input tensors; the reply holds records of raw output tensors, or why the runtime refused.
"""

import json
import os
import signal
import struct
import sys
from importlib import metadata

# A hostile file may state any shape: zeros for more than this are not made up.
MOST_ZERO_BYTES = 1 << 26
# Nor may it have all of the machine's memory.
MOST_MEMORY_BYTES = 1 << 33

REPLIES = os.fdopen(3, "wb")
REQUESTS = sys.stdin.buffer


def send(header, payload=b""):
    # END_OF_WORDS of frames.ts.
    sys.stderr.write("\x1e")
    sys.stderr.flush()
    text = json.dumps(header).encode()
    REPLIES.write(struct.pack("<II", len(text), len(payload)) + text)
    REPLIES.write(payload)
    REPLIES.flush()


def receive():
    """One request as (header, payload), or None at the end of stdin."""
    lengths = REQUESTS.read(8)
    if len(lengths) < 8:
        return None
    header_bytes, payload_bytes = struct.unpack("<II", lengths)
    header = json.loads(REQUESTS.read(header_bytes))
    return header, REQUESTS.read(payload_bytes)


class TfliteMicro:
    """The interpreter of TensorFlow Lite for Microcontrollers with its reference kernels."""

    def __init__(self):
        from tflite_micro.python.tflite_micro import runtime

        self.interpreter_class = runtime.Interpreter
        self.parse = runtime.convert_bytearray_to_object
        self.version = metadata.version("tflite-micro")

    def load(self, model, arena_bytes):
        self.interpreter = self.interpreter_class.from_bytes(model, arena_size=arena_bytes)
        subgraph = self.parse(model).subgraphs[0]
        self.outputs = range(len(subgraph.outputs))
        details = [self.interpreter.get_input_details(i) for i in range(len(subgraph.inputs))]
        return [(d["shape"], d["dtype"]) for d in details]

    def run(self, tensors):
        for i, tensor in enumerate(tensors):
            self.interpreter.set_input(tensor, i)
        self.interpreter.invoke()
        return b"".join(self.interpreter.get_output(i).tobytes() for i in self.outputs)


class LiteRt:
    """ai-edge-litert, with the delegates it takes by itself (XNNPACK) or with TFLite's reference kernels."""

    def __init__(self, reference):
        from ai_edge_litert import interpreter

        self.interpreter_class = interpreter.Interpreter
        types = interpreter.OpResolverType
        self.resolver = types.BUILTIN_REF if reference else types.AUTO
        self.version = metadata.version("ai-edge-litert")

    def load(self, model, _arena_bytes):
        self.interpreter = self.interpreter_class(
            model_content=model, num_threads=1, experimental_op_resolver_type=self.resolver
        )
        self.interpreter.allocate_tensors()
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()
        return [(d["shape"], d["dtype"]) for d in self.inputs]

    def run(self, tensors):
        for details, tensor in zip(self.inputs, tensors):
            self.interpreter.set_tensor(details["index"], tensor)
        self.interpreter.invoke()
        return b"".join(self.interpreter.get_tensor(d["index"]).tobytes() for d in self.outputs)


def run_records(runtime, header, payload):
    import numpy as np

    model = payload[: header["modelBytes"]]
    records = payload[header["modelBytes"] :]
    inputs = [(tuple(shape), np.dtype(dtype)) for shape, dtype in runtime.load(model, header["arenaBytes"])]
    sizes = [int(np.prod(shape)) * dtype.itemsize for shape, dtype in inputs]
    count = header["count"]
    if not records:
        if sum(sizes) * count > MOST_ZERO_BYTES:
            raise ValueError(f"the model takes {sum(sizes)} B a record")
        records = bytes(sum(sizes) * count)
    if len(records) != sum(sizes) * count:
        raise ValueError(f"the model takes {sum(sizes)} B a record, not {len(records) // count}")
    outputs = []
    at = 0
    for _ in range(count):
        tensors = []
        for (shape, dtype), size in zip(inputs, sizes):
            tensors.append(np.frombuffer(records[at : at + size], dtype).reshape(shape))
            at += size
        outputs.append(runtime.run(tensors))
    return b"".join(outputs)


def main():
    # Ctrl-C is the parent's to decide: it ends us, and does not take that for a crash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    except (ImportError, ValueError):
        pass  # Windows has no limits, and a lower one may be set already
    name = sys.argv[1]
    try:
        runtime = TfliteMicro() if name == "tflite-micro" else LiteRt(name == "litert-reference")
    except ImportError as error:
        send({"missing": str(error).splitlines()[0]})
        return
    send({"version": runtime.version})
    while (request := receive()) is not None:
        try:
            outputs = run_records(runtime, *request)
        except Exception as error:  # whatever a runtime throws is its refusal
            send({"refused": (str(error).strip().splitlines() or [type(error).__name__])[0][:200]})
        else:
            send({"ran": True}, outputs)


main()
