"""PyTorch's side of `npm run bench -- train`: the same step, forward, loss, backward and torch.optim.Adam.

Reads one JSON command a line on stdin and answers with one JSON line on stdout, so that imports and building are not timed:
  {"do": "build", "graph": FILE, "weights": FILE, "feeds": FILE, "threads": 2}  -> {"version": …, "parameters": n}
  {"do": "run", "steps": n}                                                    -> {"ms": time of one step, "cpuMs": of all its threads, "losses": [one a step]}
The graph is ours (NHWC) as JSON; weights and feeds are float32 in its order. PyTorch gets what a careful user would give it:
NCHW, nothing recorded before the cut, gradients of the learnt parameters alone.
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


class Training:
    def __init__(self, command):
        with open(command["graph"], encoding="utf8") as file:
            graph = json.load(file)
        weights = np.fromfile(command["weights"], dtype="<f4")
        feeds = np.fromfile(command["feeds"], dtype="<f4")
        self.nodes = graph["nodes"]
        self.input = graph["input"]
        self.logits = graph["logits"]
        self.cut = graph["cut"]
        self.temperature = graph["temperature"]
        self.constants = {}
        for constant in graph["constants"]:
            size = int(np.prod(constant["shape"]))
            data = weights[constant["offset"] : constant["offset"] + size].reshape(constant["shape"])
            self.constants[constant["id"]] = torch.from_numpy(to_nchw(data).copy())
        for node in self.nodes:
            if node["kind"] == "conv2d_transpose":
                name = node["inputs"][1]
                self.constants[name] = self.constants[name].transpose(0, 1).contiguous()
        self.parameters = [self.constants[name].requires_grad_() for name in graph["parameters"]]
        self.adam = torch.optim.Adam(self.parameters, lr=command["learningRate"])
        shape = graph["inputShape"]
        size = int(np.prod(shape))
        self.x = torch.from_numpy(to_nchw(feeds[:size].reshape(shape)))
        rest = feeds[size:].reshape(2, shape[0], -1).copy()
        self.labels, self.teacher = torch.from_numpy(rest[0]).argmax(1), torch.from_numpy(rest[1])

    def call(self, node, values):
        kind, attrs = node["kind"], node["attrs"]
        inputs = [values[name] if name in values else self.constants[name] for name in node["inputs"]]
        x = inputs[0]
        bias = inputs[2] if len(inputs) > 2 else None
        if kind == "conv2d":
            x, padding = pad(x, attrs["pads"])
            return activate(F.conv2d(x, inputs[1], bias, attrs["strides"], padding, attrs["dilations"]), attrs)
        if kind == "conv2d_transpose":
            top, _, left, _ = attrs["pads"]
            height, width = attrs["outputSize"]
            full = F.conv_transpose2d(x, inputs[1], bias, attrs["strides"])
            return activate(full[:, :, top : top + height, left : left + width], attrs)
        if kind == "dense":
            return activate(F.linear(x, inputs[1], bias), attrs)
        if kind == "max_pool2d":
            x, padding = pad(x, attrs["pads"], -float("inf"))
            return F.max_pool2d(x, attrs["kernelSize"], attrs["strides"], padding)
        if kind == "mean":
            assert attrs["axes"] == [1, 2] and not attrs["keepDims"]
            return x.mean((2, 3))
        if kind == "add":
            return activate(x + inputs[1], attrs)
        if kind == "mul":
            return x * inputs[1]
        if kind == "round":
            return x + (torch.round(x) - x).detach()
        if kind == "relu":
            return F.relu(x)
        if kind == "relu6":
            return F.relu6(x)
        if kind == "reshape":
            # NHWC order, which the weights behind it expect.
            return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).reshape(x.shape[0], -1)
        raise NotImplementedError(kind)

    def forward(self):
        values = {self.input: self.x}
        frozen = True
        for node in self.nodes:
            with torch.set_grad_enabled(not frozen):
                values[node["output"]] = self.call(node, values)
            if node["output"] == self.cut:
                frozen = False
        return values[self.logits]

    def step(self):
        logits = self.forward()
        t = self.temperature
        distillation = F.kl_div(
            F.log_softmax(logits / t, 1), F.log_softmax(self.teacher / t, 1), reduction="batchmean", log_target=True
        )
        loss = F.cross_entropy(logits, self.labels) + t * t * distillation
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        return loss.item()


def main():
    training = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "build":
            torch.set_num_threads(command["threads"])
            training = Training(command)
            answer = {"version": torch.__version__, "parameters": sum(p.numel() for p in training.parameters)}
        else:
            start, cpu = time.perf_counter(), time.process_time()
            losses = [training.step() for _ in range(command["steps"])]
            ms, cpu = (1000 * (b - a) / command["steps"] for a, b in ((start, time.perf_counter()), (cpu, time.process_time())))
            answer = {"ms": ms, "cpuMs": cpu, "losses": losses}
        print(json.dumps(answer), flush=True)


main()
