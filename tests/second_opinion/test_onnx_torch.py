"""Networks that PyTorch wrote to ONNX give its outputs and gradients here: an optional group, which needs torch."""

import io
import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
nn, F = torch.nn, torch.nn.functional


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, padding=1, groups=4), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu6(self.norm1(self.conv1(x)))
        x = F.max_pool2d(torch.relu(x + self.norm2(self.conv2(x))), 3, 2, 1)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Upwards(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.up = nn.Conv2d(3, 6, 3, padding=1), nn.ConvTranspose2d(6, 4, 3, 2, padding=1, output_padding=1)
        self.group, self.instance = nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True)

    def forward(self, x):
        y = self.instance(F.silu(self.group(self.up(F.gelu(self.conv(x))))))
        return F.pad(F.interpolate(y, scale_factor=2, mode="bilinear"), (1, 2, 0, 1))


class Recurrent(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(12, 3)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True, dropout=0.0)

    def forward(self, x):
        return self.layer(x).mean(1)


NETWORKS = {
    "residual": (Residual, (2, 3, 16, 16)), "upwards": (Upwards, (2, 3, 6, 7)), "attention": (Attention, (2, 5, 12)),
    "lstm": (lambda: Recurrent(nn.LSTM(7, 6, bidirectional=True, batch_first=True)), (2, 5, 7)),
    "gru": (lambda: Recurrent(nn.GRU(7, 12, batch_first=True)), (2, 5, 7)),
}  # fmt: skip


@pytest.mark.parametrize("opset", [14, 17, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients(name, opset, tmp_path):
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    net = make().eval()
    with torch.no_grad():
        for p in net.parameters():  # equal ones would be one in the file
            p.add_(torch.randn_like(p) * 0.1)
    x = torch.randn(*shape, requires_grad=True)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
        torch.onnx.export(net, (x,), file, opset_version=opset, dynamo=False, **axes)
    (tmp_path / "net.onnx").write_bytes(file.getvalue())
    ours, point = tg.onnx.load(tmp_path / "net.onnx"), tg.Tensor(x.detach().numpy(), requires_grad=True)
    y, expected = ours(point), net(x)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    np.testing.assert_allclose(y.data, expected.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(point.grad, x.grad.numpy(), atol=1e-5 * x.grad.abs().max().item() + 1e-6)
    theirs, compared = dict(net.named_parameters()), 0
    for key, p in ours.named_parameters():
        if key in theirs and p.grad is not None and p.shape == tuple(theirs[key].shape):
            want = theirs[key].grad.numpy()
            np.testing.assert_allclose(p.grad, want, atol=1e-4 * np.abs(want).max(), err_msg=key)
            compared += 1
    assert compared >= 2
    tg.onnx.export(ours, tmp_path / "again.onnx", x.detach().numpy())
