"""PyTorch's batch norm in training mode: output, batch statistics and gradients of two small cases.

    python3 test/oracles/batch_norm_golden.py > test/ops/batch-norm-torch.json

Debian's python3-torch serves. float64; images are NHWC in the file, as in the graph. The variance is the biased one that
normalises (PyTorch's own moving average takes the unbiased one).
"""

import json

import torch

EPSILON = 1e-3


def make_case(shape, offset):
    generator = torch.Generator().manual_seed(sum(shape))
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)  # noqa: E731
    channels = shape[-1]
    # What the file says is what is computed from: float32 values.
    x = (draw(*shape) * 2 + offset * torch.arange(channels)).float().double()
    gamma, beta = (draw(channels) * 0.3 + 1).float().double(), draw(channels).float().double()
    seed = draw(*shape).float().double()
    for tensor in (x, gamma, beta):
        tensor.requires_grad_()
    nchw = x.permute(0, 3, 1, 2) if len(shape) == 4 else x
    y = torch.nn.functional.batch_norm(nchw, None, None, gamma, beta, training=True, eps=EPSILON)
    y = y.permute(0, 2, 3, 1) if len(shape) == 4 else y
    y.backward(seed)
    flat = x.detach().reshape(-1, channels)
    values = {
        "x": x,
        "gamma": gamma,
        "beta": beta,
        "seed": seed,
        "y": y,
        "mean": flat.mean(0),
        "variance": flat.var(0, unbiased=False),
        "dx": x.grad,
        "dgamma": gamma.grad,
        "dbeta": beta.grad,
    }
    return {"shape": list(shape), **{name: value.detach().reshape(-1).tolist() for name, value in values.items()}}


if __name__ == "__main__":
    cases = [make_case((3, 4, 2, 3), 0.0), make_case((6, 5), 10.0)]
    print(json.dumps({"torch": torch.__version__, "epsilon": EPSILON, "cases": cases}))
