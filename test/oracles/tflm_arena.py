"""Memory that the TFLite-Micro wheel needs for .tflite files.

stdin:  JSON list of paths
stdout: JSON list of {smallestBytes, recordedBytes}: the smallest arena, a multiple of 16, with which the interpreter starts and
        runs once, found by bisection, and the total that its recording allocator prints with a large one.

Each attempt runs in a forked process: with too small an arena some kernels write through null pointers.
"""
import json
import os
import re
import sys
import tempfile

import numpy as np
from tflite_micro.python.tflite_micro import runtime

UNIT = 16
# Below it not even the allocator's own structures fit.
SMALLEST_UNITS = 64
LARGEST_UNITS = (16 << 20) // UNIT


def attempt(model, arena_bytes):
    """Starts and runs the model in a child process. @returns what it printed, or None when it did not get through."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
                details = interpreter.get_input_details(0)
                interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
                interpreter.invoke()
                interpreter.print_allocations()
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status != 0:
            return None
        output.seek(0)
        return output.read().decode()


def measure(path):
    with open(path, "rb") as file:
        model = file.read()
    printed = attempt(model, LARGEST_UNITS * UNIT)
    if printed is None:
        raise SystemExit(f"{path} does not run in TFLite-Micro")
    low, high = SMALLEST_UNITS, LARGEST_UNITS
    while low < high:
        middle = (low + high) // 2
        if attempt(model, middle * UNIT) is None:
            low = middle + 1
        else:
            high = middle
    recorded = re.search(r"allocation total (\d+) bytes", printed)
    return {"smallestBytes": low * UNIT, "recordedBytes": int(recorded.group(1))}


json.dump([measure(path) for path in json.load(sys.stdin)], sys.stdout)
