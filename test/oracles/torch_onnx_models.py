"""Small seeded networks as PyTorch's exporter writes them.

    python3 test/oracles/torch_onnx_models.py OUT
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")


class Block(nn.Module):
    """Residual block with batch norm and a projected shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride != 1 else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class Resnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = Block(8, 8, 1)
        self.layer2 = Block(8, 16, 2)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.layer2(self.layer1(self.pool(F.relu(self.stem(x)))))
        return self.fc(torch.flatten(self.gap(x), 1))


class Vgg(nn.Module):
    """Flattens a feature map that is wider than one pixel."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)
        )
        self.classifier = nn.Sequential(nn.Linear(8 * 4 * 3, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 5))

    def forward(self, x):
        x = self.features(x)
        return F.softmax(self.classifier(x.view(x.size(0), -1)), 1)


class Mobile(nn.Module):
    """Depthwise convolutions with a multiplier, relu6, hard swish, squeeze and excitation, SiLU."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.dw = nn.Conv2d(8, 16, 3, 1, 1, groups=8)
        self.bn = nn.BatchNorm2d(16)
        self.squeeze = nn.Conv2d(16, 4, 1)
        self.excite = nn.Conv2d(4, 16, 1)
        self.project = nn.Conv2d(16, 8, 1)
        self.head = nn.Conv2d(8, 12, 1)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        x = F.hardswish(self.stem(x))
        x = F.relu6(self.bn(self.dw(x)))
        s = F.adaptive_avg_pool2d(x, 1)
        s = F.hardsigmoid(self.excite(F.relu(self.squeeze(s))))
        x = self.project(x * s)
        x = F.silu(self.head(x))
        return self.fc(x.mean([2, 3]))


class Odd(nn.Module):
    """Everything else: concatenation, padding, transposed convolution, resizes, permutations, leaky relu, scalars."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, padding=2, dilation=2)
        self.b = nn.Conv2d(2, 4, (3, 5), padding=(1, 2))
        self.up = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1)
        self.scale = nn.Parameter(torch.rand(6, 1, 1) + 0.5)
        self.fc = nn.Linear(6 * 9, 7)

    def forward(self, x):
        x = torch.cat([F.leaky_relu(self.a(x), 0.2), torch.tanh(self.b(x))], 1)
        x = F.avg_pool2d(x, 3, 2, 1)
        x = self.up(x) * self.scale
        x = F.pad(x, (1, 0, 2, 1), value=0.25)
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.interpolate(x, size=(9, 11), mode="bilinear", align_corners=False)
        x = F.interpolate(x, size=(9, 9), mode="bilinear", align_corners=True)
        x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        x = 1 - torch.sigmoid(x) / 3.0
        x = x.amax(3)
        x = x.permute(0, 2, 1).reshape(x.shape[0], -1)
        return F.log_softmax(self.fc(x), 1).exp() if False else F.softmax(self.fc(x), -1)


class Maps(nn.Module):
    """An output with channels, and a shuffle of channels through rank 5."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, 2, 1)
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.out(F.relu(x))


class Refused(nn.Module):
    """Operators that are not read, several of them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, groups=2)
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x):
        x = F.gelu(self.conv(x))
        y, _ = self.lstm(x.flatten(2).transpose(1, 2))
        return torch.erf(y).argmax(1)


def export(out, name, module, shape, opset, free_batch=False):
    torch.manual_seed(0)
    net = module().eval()
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.normal_(0, 0.2)
                m.running_var.uniform_(0.5, 1.5)
                m.weight.uniform_(0.5, 1.5)
                m.bias.normal_(0, 0.2)
        # PyTorch's defaults make signals fade; comparisons need outputs that depend on every layer.
        for weight in net.parameters():
            if weight.ndim > 1:
                weight.mul_(2.4)
    axes = {"image": {0: "batch"}, "out": {0: "batch"}} if free_batch else None
    torch.onnx.export(net, torch.randn(shape), str(out / f"{name}.onnx"), opset_version=opset, input_names=["image"], output_names=["out"], dynamic_axes=axes)


def main(out):
    out = Path(out)
    for opset in (11, 13, 17):
        for name, module, shape in [
            ("resnet", Resnet, (1, 3, 16, 12)),
            ("vgg", Vgg, (1, 3, 16, 12)),
            ("mobile", Mobile, (1, 3, 17, 16)),
            ("odd", Odd, (1, 2, 10, 8)),
            ("maps", Maps, (1, 3, 12, 8)),
        ]:
            export(out, f"{name}_{opset}", module, shape, opset)
    export(out, "resnet_free", Resnet, (1, 3, 16, 12), 14, True)
    export(out, "vgg_free", Vgg, (1, 3, 16, 12), 12, True)
    export(out, "refused", Refused, (1, 4, 8, 8), 14)


if __name__ == "__main__":
    main(sys.argv[1])
