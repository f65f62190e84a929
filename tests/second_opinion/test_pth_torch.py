"""`load_pth` and `load` read what PyTorch writes as it was: an optional group, which needs torch."""

import collections

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")

T = torch.arange(12.0).reshape(3, 4) - 5
NAMES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32",
         "uint64", "bool", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
         "float8_e5m2fnuz", "float8_e8m0fnu"]  # fmt: skip
BY_NAME = {name: getattr(torch, name) for name in NAMES if hasattr(torch, name)}
FORMS = pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])


def numbers(t):
    """A tensor of PyTorch's as an array; float8 and bfloat16 as float32."""
    t = t.detach().resolve_conj().resolve_neg()
    return (t.float() if t.dtype == torch.bfloat16 or "float8" in str(t.dtype) else t).numpy()


def flat(value, name=""):
    if isinstance(value, torch.Tensor):
        return {name or "tensor": numbers(value)}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    return {k: v for key, part in items for k, v in flat(part, f"{name}.{key}" if name else str(key)).items()}


def agree(path, value, **options):
    torch.save(value, path, **options)
    found = tg.io.load_pth(path)
    expected = flat(value)
    assert found.keys() == expected.keys() and found
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.c_contiguous and found[name].flags.writeable


@FORMS
@pytest.mark.parametrize("name", BY_NAME)
def test_types(tmp_path, name, new):
    kind = BY_NAME[name]
    codes = torch.arange(256, dtype=torch.uint8)
    values = codes.view(kind) if "float8" in name else (T.abs() if "uint" in name else T).to(kind)
    agree(tmp_path / "a.pth", {"w": values}, _use_new_zipfile_serialization=new)


def tensors():
    x = torch.nn.Parameter(T.clone())
    x.note = 3
    marked = torch.ones(3)
    marked.note = "text"
    yield "expanded", [torch.ones(1).expand(4), torch.arange(3.0).expand(2, 3), torch.ones(1, 1).expand(300, 300)]
    yield "overlapping", [torch.arange(5.0).unfold(0, 3, 1)]
    yield "strided", [T.t(), T[::2, 1:3], T[1], T[:, None], torch.arange(100.0)[::7]]
    yield "tied", {"a": T, "b": T, "c": T[1:]}
    yield "empty and 0-d", [torch.zeros(0, 3), torch.tensor(3.5), torch.zeros(3, 0)[:, :]]
    yield "channels last", torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last)
    yield "signs", {"neg": torch._neg_view(T), "conj": (torch.ones(2) * 1j).conj(),
           "imag": (torch.ones(2) * 1j).conj().imag}  # fmt: skip
    yield "wrappers", {"p": torch.nn.Parameter(T), "state": x, "note": marked, "buffer": torch.nn.Buffer(T)}
    yield "beside", {"w": T, "size": T.shape, "dtype": [torch.int8], "device": torch.device("cpu"), "set": {1},
                     "none": None, "bytes": b"ab", "array": bytearray(b"ab"), "complex": 1j, "big": 2**200,
                     "layout": torch.strided}  # fmt: skip
    yield "keys", {1.5: T, True: T, None: T, (1, "a"): T, -3: T}
    yield "containers", [collections.OrderedDict(w=T), {"a": {"b": [(T,)]}}, collections.Counter("aba")]


@FORMS
@pytest.mark.parametrize(("name", "value"), list(tensors()), ids=lambda v: v if isinstance(v, str) else "")
def test_tensors(tmp_path, name, value, new):
    agree(tmp_path / "a.pth", value, _use_new_zipfile_serialization=new)


@FORMS
def test_a_checkpoint(tmp_path, new):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    value = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
             "epoch": 3, "best": None, "rng": torch.get_rng_state()}  # fmt: skip
    agree(tmp_path / "a.pth", value, _use_new_zipfile_serialization=new)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_storage_by_itself(tmp_path):
    torch.save({"w": T.storage(), "u": T.clone().untyped_storage()}, tmp_path / "a.pth")
    found = tg.io.load_pth(tmp_path / "a.pth")
    assert found["w"].tolist() == T.ravel().tolist() and found["u"].dtype == np.uint8 and found["u"].size == 48


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda: T.to_sparse(), "sparse tensor; save tensor.to_dense()"),
     (lambda: torch.quantize_per_tensor(T, 0.1, 0, torch.qint8), "quantised tensor; save tensor.dequantize()"),
     (lambda: torch.nested.nested_tensor([T, T]), "nested tensor"),
     (lambda: torch.ones(3, device="meta"), "on the device 'meta', which has no values"),
     (lambda: T.to(torch.complex32), "numbers of type complex32"),
     (lambda: torch.nn.Linear(2, 2), "asks for 'torch.nn.modules.linear.Linear'")],
)  # fmt: skip
def test_what_has_no_array_is_refused_in_words(tmp_path, make, words):
    torch.save({"w": make()}, tmp_path / "a.pth")
    with pytest.raises(tg.io.FileFormatError, match=words):
        tg.io.load_pth(tmp_path / "a.pth")
