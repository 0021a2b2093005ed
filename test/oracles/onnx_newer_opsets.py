"""The same networks in newer opsets, by onnx's own version converter.

    python test/oracles/onnx_newer_opsets.py OUT FILE.onnx...

Writes OUT/<stem>_to_<opset>.onnx for opsets 18, 19 and 20: PyTorch 1.13 exports up to 17.
"""

import sys
from pathlib import Path

import onnx
from onnx import version_converter


def main(out, *files):
    for path in map(Path, files):
        model = onnx.load(path)
        for opset in (18, 19, 20):
            onnx.save(version_converter.convert_version(model, opset), Path(out) / f"{path.stem}_to_{opset}.onnx")


if __name__ == "__main__":
    main(*sys.argv[1:])
