"""Golden training steps by PyTorch: a small network's losses, and its parameters after one and after three steps of Adam.

    /usr/bin/python3 test/oracles/torch_training.py [--out test/golden/torch-training.json]

Needs PyTorch (apt-get install python3-torch). Independent of the project. Everything is float32, as in training; weights are
written in the project's layouts: convolutions [out, kh, kw, in], dense [out, in]; pictures [batch, height, width, channels].
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
STEPS, BATCH, SIDE, CHANNELS, FILTERS, CLASSES = 3, 4, 5, 2, 4, 3
CASES = [
    {"name": "Adam", "learningRate": 0.01},
    {"name": "Adam with other settings", "learningRate": 0.003, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
    {"name": "decoupled decay", "learningRate": 0.01, "weightDecay": 0.1},
    {"name": "clipping that bites", "learningRate": 0.01, "clipNorm": 0.05},
    {"name": "clipping that does not bite", "learningRate": 0.01, "clipNorm": 100.0},
    {"name": "decay and clipping", "learningRate": 0.02, "weightDecay": 0.05, "clipNorm": 0.2},
]


def numbers(tensor):
    return [float(v) for v in tensor.detach().contiguous().flatten()]


def in_our_layout(name, tensor):
    return tensor.permute(0, 2, 3, 1) if name == "conv/w" else tensor


def initial_parameters():
    torch.manual_seed(7)
    return {
        "conv/w": torch.randn(FILTERS, CHANNELS, 3, 3) * 0.4,
        "conv/b": torch.randn(FILTERS) * 0.2,
        "fc/w": torch.randn(CLASSES, FILTERS) * 0.7,
        "fc/b": torch.randn(CLASSES) * 0.2,
    }


def forward(parameters, x):
    y = F.relu(F.conv2d(x, parameters["conv/w"], parameters["conv/b"], stride=2, padding=1))
    return F.linear(y.mean(dim=(2, 3)), parameters["fc/w"], parameters["fc/b"])


def train(case, batches):
    parameters = {name: value.clone().requires_grad_() for name, value in initial_parameters().items()}
    optimizer = torch.optim.AdamW(
        parameters.values(),
        lr=case["learningRate"],
        betas=(case.get("beta1", 0.9), case.get("beta2", 0.999)),
        eps=case.get("epsilon", 1e-8),
        weight_decay=case.get("weightDecay", 0.0),
    )
    steps = []
    for x, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(parameters, x), labels)
        loss.backward()
        if "clipNorm" in case:
            torch.nn.utils.clip_grad_norm_(parameters.values(), case["clipNorm"])
        optimizer.step()
        values = {name: numbers(in_our_layout(name, value)) for name, value in parameters.items()}
        steps.append({"loss": float(loss), "parameters": values})
    return steps


def losses():
    z, t = torch.randn(BATCH, CLASSES) * 3, torch.randn(BATCH, CLASSES) * 3
    z[0] *= 40  # exp() of these overflows float32
    labels = torch.randint(0, CLASSES, (BATCH,))
    rows = []
    for name, args, value in [
        ("crossEntropy", {}, lambda: F.cross_entropy(z, labels)),
        ("crossEntropy", {"smoothing": 0.1}, lambda: F.cross_entropy(z, labels, label_smoothing=0.1)),
        *[
            (
                "distillation",
                {"temperature": T},
                lambda T=T: T * T
                * F.kl_div(F.log_softmax(z / T, 1), F.log_softmax(t / T, 1), reduction="batchmean", log_target=True),
            )
            for T in (1.0, 4.0)
        ],
        ("relativeError", {}, lambda: ((z - t) ** 2).sum() / (t**2).sum()),
    ]:
        z.grad = None
        z.requires_grad_()
        loss = value()
        loss.backward()
        rows.append({"loss": name, **args, "value": float(loss), "gradient": numbers(z.grad)})
    return {"logits": numbers(z), "other": numbers(t), "labels": labels.tolist(), "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=ROOT / "test" / "golden" / "torch-training.json", type=Path)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    initial = {name: numbers(in_our_layout(name, value)) for name, value in initial_parameters().items()}
    batches = [
        (torch.randn(BATCH, CHANNELS, SIDE, SIDE), torch.randint(0, CLASSES, (BATCH,))) for _ in range(STEPS)
    ]
    golden = {
        "generator": "test/oracles/torch_training.py",
        "versions": {"torch": torch.__version__},
        "initial": initial,
        "batches": [{"x": numbers(x.permute(0, 2, 3, 1)), "labels": labels.tolist()} for x, labels in batches],
        "cases": [{**case, "steps": train(case, batches)} for case in CASES],
        "losses": losses(),
    }
    out.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
