"""PyTorch's side of `npm run bench -- importance`: the same network, one forward, one backward, Grad-CAM reduced in hooks.

Reads one JSON command a line on stdin and answers with one JSON line on stdout, so that imports and building are not timed:
  {"do": "build", "graph": FILE, "weights": FILE, "feeds": FILE, "threads": 2}  -> {"torch": version, "taps": n}
  {"do": "run"}                                                               -> {"ms": time, "cui": [per tap, per image]}
The graph is our normalised one (NHWC, batch norms folded) as JSON; weights and feeds are float32 in its order. PyTorch gets
what a careful user would give it: NCHW, weights without gradients, no gradient below the first tap, maps by one matrix product.
"""

import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def to_nchw(array):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if array.ndim == 4 else array


def activate(y, attrs):
    kind = attrs.get("activation", "none")
    if kind == "relu":
        return F.relu(y)
    return F.relu6(y) if kind == "relu6" else y


def pad(x, pads, value=0.0):
    """Padding a PyTorch layer can do itself, else the tensor padded beforehand."""
    top, bottom, left, right = pads
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


class Network:
    def __init__(self, command):
        with open(command["graph"], encoding="utf8") as file:
            graph = json.load(file)
        weights = np.memmap(command["weights"], dtype="<f4", mode="r")
        feeds = np.fromfile(command["feeds"], dtype="<f4")
        self.nodes = graph["nodes"]
        self.taps = graph["taps"]
        self.kinds_of = {node["output"]: node["kind"] for node in self.nodes}
        self.input = graph["input"]
        self.logits = graph["logits"]
        self.constants = {}
        for constant in graph["constants"]:
            size = int(np.prod(constant["shape"]))
            data = np.array(weights[constant["offset"] : constant["offset"] + size])
            self.constants[constant["id"]] = data.reshape(constant["shape"])
        for node in self.nodes:
            self.prepare(node)
        self.constants = {name: torch.from_numpy(to_nchw(data)) for name, data in self.constants.items()}
        shape = graph["inputShape"]
        size = int(np.prod(shape))
        self.x = torch.from_numpy(to_nchw(feeds[:size].reshape(shape)))
        self.seed = torch.from_numpy(feeds[size:].reshape(shape[0], -1).copy())

    def prepare(self, node):
        """Filters as PyTorch stores them, once."""
        if node["kind"] == "depthwise_conv2d":
            name = node["inputs"][1]
            data = self.constants[name]
            self.constants[name] = np.ascontiguousarray(data.transpose(3, 1, 2, 0))

    def call(self, node, values):
        kind, attrs = node["kind"], node["attrs"]
        inputs = [values[name] if name in values else self.constants[name] for name in node["inputs"]]
        x = inputs[0]
        if kind in ("conv2d", "depthwise_conv2d"):
            x, padding = pad(x, attrs["pads"])
            groups = x.shape[1] if kind == "depthwise_conv2d" else 1
            bias = inputs[2] if len(inputs) > 2 else None
            y = F.conv2d(x, inputs[1], bias, attrs["strides"], padding, attrs["dilations"], groups)
            return activate(y, attrs)
        if kind == "dense":
            return activate(F.linear(x, inputs[1], inputs[2] if len(inputs) > 2 else None), attrs)
        if kind == "max_pool2d":
            x, padding = pad(x, attrs["pads"], -float("inf"))
            return F.max_pool2d(x, attrs["kernelSize"], attrs["strides"], padding)
        if kind == "mean":
            assert attrs["axes"] == [1, 2] and not attrs["keepDims"]
            return x.mean((2, 3))
        if kind == "add":
            return activate(x + inputs[1], attrs)
        if kind == "relu":
            return F.relu(x)
        if kind == "reshape":
            # NHWC order, which the weights behind it expect.
            return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).reshape(x.shape[0], -1)
        raise NotImplementedError(kind)

    def run(self):
        values = {self.input: self.x}
        curve = {}

        def reduce_at(name, activation):
            def hook(gradient):
                a = activation.detach().reshape(*activation.shape[:2], -1)
                w = gradient.reshape(a.shape).mean(2, keepdim=True).transpose(1, 2)
                curve[name] = F.relu(torch.bmm(w, a) / a.shape[1]).mean((1, 2))

            activation.register_hook(hook)

        traced = False
        for node in self.nodes:
            name = node["output"]
            y = self.call(node, values)
            if name in self.taps:
                if not traced:
                    y = y.detach().requires_grad_()
                    traced = True
                reduce_at(name, y)
            values[name] = y
            if name == self.logits:
                break
        values[self.logits].backward(self.seed)
        return [curve[name].tolist() for name in self.taps]


def main():
    network = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "build":
            torch.set_num_threads(command["threads"])
            network = Network(command)
            answer = {"torch": torch.__version__, "taps": len(network.taps)}
        else:
            start = time.perf_counter()
            curve = network.run()
            answer = {"ms": (time.perf_counter() - start) * 1000, "cui": curve}
        print(json.dumps(answer), flush=True)


main()
