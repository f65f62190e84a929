"""What is called: every public callable, each with arguments that are right, from which wrong calls are made.

Ops, layers, optimisers and schedules are found with their samples.  What else is exported has an entry in `CALLS`, or
in `LEFT_OUT` with the reason; a test holds that nothing is missing.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, detection, distributed, graphs, insight, io, models, nn, optim, plots, testing, train
from tinygrad_cnn.nn import init

PACKAGES = {
    "tg": tg, "nn": nn, "init": init, "optim": optim, "data": data, "transforms": data.transforms, "models": models,
    "io": io, "testing": testing, "detection": detection, "graphs": graphs, "plots": plots, "insight": insight,
    "train": train, "linalg": tg.linalg, "distributed": distributed, "onnx": tg.onnx,
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A callable: `make(folder)` gives it with arguments that are right, by position and by keyword."""

    name: str
    make: Callable[[Path], tuple[Callable[..., Any], list[Any], dict[str, Any]]]
    also: tuple[str, ...] = ()  # other names by which a message may call it


def array(*shape, low=-1.0, high=1.0, dtype=np.float32):
    return np.random.default_rng(0).uniform(low, high, shape).astype(dtype)


def leaf(*shape):
    return tg.Tensor(array(*shape), requires_grad=True)


X, LABELS, SIGNS = array(4, 8, 8, 1, low=0), np.array([0, 1, 0, 1]), np.array([1, -1, 1, -1])
BOXES = np.array([[0.0, 0, 1, 1], [1, 1, 2, 3]])


def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2, rng=0))


def trained():
    model = net()
    tg.softmax_cross_entropy(model(X), LABELS).backward()
    return model


def samples():
    return data.ArrayDataset(X, LABELS, classes=["cat", "dog"])


def sgd():
    return optim.SGD(trained().parameters(), 0.1)


def saved(folder, name="weights.safetensors"):
    if not (folder / name).exists():
        io.save(folder / name, net())
    return folder / name


def exported(folder, name="net.onnx"):
    if not (folder / name).exists():
        tg.onnx.export(net(), folder / name, array(2, 8, 8, 1), verify=False)
    return folder / name


def written(folder, name, content):
    if not (folder / name).exists():
        content(folder / name)
    return folder / name


def image(folder):
    from PIL import Image

    return written(folder, "image.png", lambda path: Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path))


def pictures(folder):
    for kind in ("cat", "dog"):
        (folder / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        from PIL import Image

        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "pictures" / kind / "1.png")
    return folder / "pictures"


def run(folder):
    made = tg.Run.create(folder / "run", {"note": "new"}) if not (folder / "run").exists() else None
    return made or tg.Run.open(folder / "run")


def history():
    rows = [{"epoch": k, "loss": 1.0 / k, "accuracy": 0.5, "lr": 0.1, "seconds": 1.0} for k in (1, 2)]
    return train.History(rows)


def cube(x):
    return x * x * x


def detections():
    return detection.Detections(BOXES, np.array([0.9, 0.5]), np.array([0, 1]))


def truths():
    return detection.Truths(BOXES, np.array([0, 1]))


IMAGE = {"in_channels": 2, "out_channels": 3, "window": 3}
SHAPE = {"input_shape": (32, 32, 3), "classes": 2, "rng": 0}

# name -> right arguments; "*" are those by position
CALLS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "tg.Tensor": lambda _: {"data": [1.0, 2.0], "dtype": np.float32, "requires_grad": True, "name": "w"},
    "tg.tensor": lambda _: {"data": [1.0, 2.0], "dtype": np.float32, "requires_grad": True, "name": "w"},
    "tg.Run": lambda folder: {"path": folder / "run", "config": {}},
    "tg.Sample": lambda _: {"x": (2, 3)},
    "tg.History": lambda _: {"rows": [{"epoch": 1, "loss": 1.0}]},
    "tg.Summary": lambda _: {"name": "Net", "input_shape": (8, 8, 1), "total_parameters": 1, "trainable_parameters": 1},
    "tg.anomaly": lambda _: {"inf": True},
    "tg.arange": lambda _: {"*": [0, 5, 2], "dtype": np.float32, "requires_grad": True},
    "tg.binary_cross_entropy_with_logits": lambda _: {
        "logits": leaf(4, 3), "targets": array(4, 3, low=0), "pos_weight": array(3, low=0), "reduction": "mean"},
    "tg.checkpoint": lambda _: {"*": [tg.exp, leaf(2, 3)]},
    "distributed.parallel": lambda _: {
        "model": (net := trained()), "optimizer": optim.SGD(net.parameters(), lr=0.1), "overlap": False,
        "bucket_bytes": 2**20, "sync": False, "local_steps": 2, "outer_lr": 0.7, "outer_momentum": 0.9,
        "stall_timeout": 600.0, "elastic": False},
    "distributed.run_threads": lambda _: {"size": 2, "function": lambda: None},
    "distributed.start": lambda _: {"stall_timeout": 600.0, "elastic": False},
    "tg.compile": lambda _: {"fn": net(), "verify": True},
    "tg.grid_sample": lambda _: {"x": leaf(1, 3, 4, 2), "grid": leaf(1, 2, 2, 2)},
    "tg.affine_grid": lambda _: {"theta": leaf(1, 2, 3), "size": (2, 3)},
    "tg.pixel_shuffle": lambda _: {"x": leaf(1, 2, 2, 8), "factor": 2},
    "tg.pixel_unshuffle": lambda _: {"x": leaf(1, 4, 2, 3), "factor": 2},
    "tg.scaled_dot_product_attention": lambda _: {"q": leaf(1, 2, 3), "k": leaf(1, 4, 3), "v": leaf(1, 4, 2)},
    "tg.glu": lambda _: {"x": leaf(2, 4), "axis": 1},
    **{f"tg.adaptive_{kind}_pool{axes}d": lambda _, axes=axes: {"x": leaf(2, *(4,) * axes, 3), "size": 3}
       for kind, axes in (("avg", 1), ("avg", 3), ("max", 1), ("max", 2), ("max", 3))},
    **{f"tg.global_{kind}_pool{axes}d": lambda _, axes=axes: {"x": leaf(2, *(4,) * axes, 3)}
       for kind, axes in (("avg", 1), ("avg", 3), ("max", 1), ("max", 2), ("max", 3))},
    **{f"tg.max_pool{axes}d": lambda _, axes=axes: {"x": leaf(2, *(4,) * axes, 3), "window": 2, "stride": None,
                                                    "padding": 0, "dilation": 1, "ceil_mode": False}
       for axes in (1, 3)},
    **{f"tg.avg_pool{axes}d": lambda _, axes=axes: {"x": leaf(2, *(4,) * axes, 3), "window": 2, "stride": None,
                                                    "padding": 0, "ceil_mode": False, "count_include_pad": True}
       for axes in (1, 3)},
    "tg.blur_pool2d": lambda _: {"x": leaf(2, 5, 5, 3), "window": 3, "stride": 2, "padding_mode": "reflect"},
    "tg.conv_transpose1d": lambda _: {"x": leaf(2, 5, 4), "w": array(3, 2, 4), "b": array(4), "stride": 2, "padding": 1,
                                      "output_padding": 1, "groups": 2, "dilation": 1},
    "tg.local_response_norm": lambda _: {"x": leaf(2, 3, 3, 6), "size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "tg.conv1d": lambda _: {"x": leaf(2, 8, 4), "w": array(3, 2, 6), "b": array(6), "stride": 1, "padding": 1,
                            "dilation": 1, "groups": 2},
    "tg.cross": lambda _: {"a": leaf(2, 3), "b": array(3), "axis": -1},
    "tg.debug": lambda _: {"check_arrays": False},
    "tg.depthwise_conv2d": lambda _: {"x": leaf(2, 5, 5, 3), "w": array(3, 3, 3, 2), "b": array(6), "stride": 1,
                                      "padding": "same", "dilation": 1},
    "tg.diag": lambda _: {"x": leaf(3), "k": 1},
    "tg.doctor": lambda _: {"model": net(), "input_shape": (8, 8, 1), "classes": 2, "steps": 2, "seed": 0},
    "tg.dot": lambda _: {"a": leaf(2, 3), "b": array(3, 4)},
    "tg.draw": lambda _: {"*": [cube(leaf(2, 2)).sum()], "direction": "forward", "show": "shapes", "depth": None,
                          "collapse": (), "constants": False, "title": "t", "rankdir": "TB"},
    "tg.draw_diff": lambda _: {"a": cube(leaf(2, 2)), "b": cube(leaf(2, 3)), "depth": None, "title": "t"},
    "tg.einsum": lambda _: {"*": ["ij,jk->ik", leaf(2, 3), array(3, 4)]},
    "tg.empty_cache": lambda _: {},
    "tg.enable_grad": lambda _: {"fn": cube},
    "tg.no_grad": lambda _: {"fn": cube},
    "tg.evaluate": lambda _: {"model": net(), "data": samples(), "loss": tg.softmax_cross_entropy, "metrics": None,
                              "batch_size": 2},
    "tg.explain": lambda _: {"y": cube(x := leaf(2)).sum(), "wrt": x, "grad": None, "limit": 40},
    "tg.explain_grad": lambda _: {"t": (x := leaf(2)), "loss": cube(x).sum()},
    "tg.eye": lambda _: {"n": 2, "m": 3, "dtype": np.float32},
    "tg.fit": lambda _: {"model": net(), "data": samples(), "validation": samples(), "epochs": 1, "batch_size": 2,
                         "lr": 0.1, "optimizer": "adam", "schedule": None, "loss": None, "metrics": None, "seed": 0,
                         "accumulate": 1, "callbacks": []},
    "tg.full": lambda _: {"shape": (2, 3), "value": 1.5, "dtype": np.float32},
    "tg.functional_call": lambda _: {"*": [m := net(), m.state_dict(), X]},
    "tg.fork_rng": lambda _: {"seed": 3},
    "tg.per_sample_grad": lambda _: {"loss_fn": tg.softmax_cross_entropy, "model": net(), "x": X, "y": LABELS},
    "tg.per_sample_grad_norm": lambda _: {"loss_fn": tg.softmax_cross_entropy, "model": net(), "x": X, "y": LABELS},
    "tg.get_num_threads": lambda _: {},
    "tg.get_rng_state": lambda _: {},
    "tg.manual_seed": lambda _: {"seed": 3},
    "tg.set_rng_state": lambda _: {"state": None},
    "tg.grad": lambda _: {"y": cube(x := leaf(2)).sum(), "xs": [x], "grad_outputs": None, "create_graph": False,
                          "retain_graph": None, "allow_unused": False},
    "tg.group_norm": lambda _: {"x": leaf(2, 3, 3, 4), "groups": 2, "gamma": array(4), "beta": array(4), "eps": 1e-5},
    "tg.hessian": lambda _: {"f": lambda x: cube(x).sum(), "x": array(3)},
    "tg.hvp": lambda _: {"f": lambda x: cube(x).sum(), "x": array(3), "v": array(3)},
    "tg.jacobian": lambda _: {"f": cube, "x": array(3)},
    "tg.jvp": lambda _: {"f": cube, "xs": array(3), "vs": array(3)},
    "tg.vjp": lambda _: {"*": [cube, array(3)]},
    "tg.value_and_grad": lambda _: {"f": lambda x: cube(x).sum(), "argnums": 0},
    "tg.huber_loss": lambda _: {"predictions": leaf(4, 3), "targets": array(4, 3), "delta": 1.0, "reduction": "mean"},
    "tg.kron": lambda _: {"a": leaf(2, 3), "b": array(4)},
    "tg.l1_loss": lambda _: {"predictions": leaf(4, 3), "targets": array(4, 3), "reduction": "mean"},
    "tg.median": lambda _: {"x": leaf(2, 4), "axis": 1, "keepdims": False},
    "tg.nanmedian": lambda _: {"x": leaf(2, 4), "axis": 1, "keepdims": False},
    **{f"tg.{name}": lambda _: {"x": leaf(2, 4), "q": [0.2, 0.5], "axis": 1, "keepdims": False, "method": "linear"}
       for name in ("quantile", "nanquantile", "percentile", "nanpercentile")},
    "tg.meshgrid": lambda _: {"*": [leaf(3), array(2)], "indexing": "xy", "sparse": False},
    "tg.binary_cross_entropy": lambda _: {"probabilities": leaf(4, 3) * 0.4 + 0.5, "targets": array(4, 3, low=0),
                                          "weight": array(3, low=0), "reduction": "mean"},
    "tg.cosine_similarity": lambda _: {"x1": leaf(4, 3), "x2": array(4, 3), "axis": 0, "eps": 1e-8},
    "tg.cosine_embedding_loss": lambda _: {"x1": leaf(4, 3), "x2": array(4, 3), "y": SIGNS, "margin": 0.1,
                                           "reduction": "mean"},
    "tg.dice_loss": lambda _: {
        "predictions": leaf(4, 5, 2), "targets": np.ones((4, 5), int), "activation": "softmax", "smooth": 1.0,
        "squared": True, "ignore_index": -1, "reduction": "mean"},
    "tg.gaussian_nll_loss": lambda _: {
        "predictions": leaf(4, 3), "targets": array(4, 3), "variance": array(4, 3, low=1), "full": True, "eps": 1e-6,
        "reduction": "mean"},
    "tg.hinge_embedding_loss": lambda _: {"predictions": leaf(4), "targets": SIGNS, "margin": 1.0, "reduction": "mean"},
    "tg.kl_div": lambda _: {"log_probabilities": leaf(4, 3), "targets": array(4, 3, low=0), "log_target": False,
                            "reduction": "batchmean"},
    "tg.margin_ranking_loss": lambda _: {"x1": leaf(4), "x2": array(4), "y": SIGNS, "margin": 0.1, "reduction": "mean"},
    "tg.multi_margin_loss": lambda _: {"logits": leaf(4, 2), "labels": LABELS, "p": 1, "margin": 1.0,
                                       "weight": array(2, low=0), "reduction": "mean"},
    "tg.poisson_nll_loss": lambda _: {"predictions": leaf(4, 3), "targets": array(4, 3, low=0), "log_input": True,
                                      "full": True, "eps": 1e-8, "reduction": "mean"},
    "tg.sigmoid_focal_loss": lambda _: {"logits": leaf(4, 3), "targets": array(4, 3, low=0), "alpha": 0.25,
                                        "gamma": 2.0, "reduction": "mean"},
    "tg.smooth_l1_loss": lambda _: {"predictions": leaf(4, 3), "targets": array(4, 3), "beta": 1.0,
                                    "reduction": "mean"},
    "tg.triplet_margin_loss": lambda _: {
        "anchor": leaf(4, 3), "positive": array(4, 3), "negative": array(4, 3), "margin": 1.0, "p": 2.0, "eps": 1e-6,
        "swap": True, "reduction": "mean"},
    "tg.mse_loss": lambda _: {"predictions": leaf(4, 3), "targets": array(4, 3), "reduction": "mean"},
    "tg.nll_loss": lambda _: {"log_probabilities": tg.log_softmax(leaf(4, 2)), "labels": LABELS, "weight": array(2),
                              "ignore_index": -1, "reduction": "mean"},
    "tg.instance_norm": lambda _: {"x": leaf(2, 3, 3, 4), "gamma": array(4), "beta": array(4), "eps": 1e-5},
    "tg.layer_norm": lambda _: {"x": leaf(2, 3, 4), "gamma": array(4), "beta": array(4), "axis": -1, "eps": 1e-5},
    "tg.rms_norm": lambda _: {"x": leaf(2, 3, 4), "gamma": array(4), "axis": -1, "eps": 1e-5},
    "tg.load": lambda folder: {"path": saved(folder)},
    "tg.save": lambda folder: {"path": folder / "x.safetensors", "module_or_dict": net(), "metadata": {"note": "a"}},
    "tg.max_pool2d_with_indices": lambda _: {"x": leaf(2, 4, 4, 3), "window": 2, "stride": None, "padding": 0,
                                             "dilation": 1, "ceil_mode": False},
    "tg.ones": lambda _: {"shape": (2, 3), "dtype": np.float32, "requires_grad": True},
    "tg.zeros": lambda _: {"shape": (2, 3), "dtype": np.float32, "requires_grad": True},
    "tg.ones_like": lambda _: {"x": leaf(2, 3), "dtype": np.float32, "requires_grad": True},
    "tg.zeros_like": lambda _: {"x": array(2, 3), "dtype": np.float32, "requires_grad": True},
    "tg.full_like": lambda _: {"x": leaf(2, 3), "value": 1.5, "dtype": np.float32},
    "tg.rand_like": lambda _: {"x": leaf(2, 3), "rng": 0, "dtype": np.float32},
    "tg.randn_like": lambda _: {"x": leaf(2, 3), "rng": 0, "dtype": np.float32},
    "tg.randint": lambda _: {"low": 0, "high": 5, "shape": (2, 3), "rng": 0, "dtype": np.int64},
    "tg.permutation": lambda _: {"n": 5, "rng": 0},
    "tg.linspace": lambda _: {"start": 0.0, "stop": 1.0, "num": 5, "endpoint": True, "dtype": np.float32},
    "tg.logspace": lambda _: {"start": 0.0, "stop": 1.0, "num": 5, "base": 10.0, "endpoint": True},
    "tg.one_hot": lambda _: {"labels": LABELS, "classes": 2, "dtype": np.float32},
    "tg.get_default_dtype": lambda _: {},
    "tg.get_float32_precision": lambda _: {},
    "tg.rand": lambda _: {"*": [2, 3], "rng": 0, "dtype": np.float32},
    "tg.randn": lambda _: {"*": [2, 3], "rng": 0, "dtype": np.float32},
    "tg.rot90": lambda _: {"x": leaf(2, 3), "k": 1, "axes": (0, 1)},
    "tg.op": lambda _: {"fn": cube, "name": "fuzzed", "aux": (), "broadcasts": False, "samples": ()},
    "tg.predict": lambda _: {"model": net(), "inputs": X, "batch_size": 2},
    "tg.profile": lambda _: {},
    "tg.scope": lambda _: {"name": "part"},
    "tg.separable_conv2d": lambda _: {"x": leaf(2, 5, 5, 3), "depthwise": array(3, 3, 3, 1),
                                      "pointwise": array(3, 4), "b": array(4), "stride": 1, "padding": "same",
                                      "dilation": 1},
    "tg.set_float32_precision": lambda _: {"precision": "highest"},
    "tg.set_num_threads": lambda _: {"n": 1},
    "tg.split": lambda _: {"x": leaf(6, 2), "sections": 3, "axis": 0},
    "tg.stop_gradient": lambda _: {"t": leaf(2)},
    "tg.summary": lambda _: {"model": net(), "example": (8, 8, 1)},
    "tg.topk": lambda _: {"x": leaf(2, 4), "k": 2, "axis": -1, "largest": True},
    "tg.trace": lambda _: {"x": leaf(3, 3), "offset": 1, "axis1": 0, "axis2": 1},
    "tg.use_kernels": lambda _: {"name": "numpy"},
    "linalg.cholesky": lambda _: {"a": 9 * np.eye(3, dtype=np.float32) + leaf(3, 3), "upper": False},
    "linalg.cond": lambda _: {"x": leaf(3, 3), "p": 1},
    "linalg.eigh": lambda _: {"a": leaf(3, 3), "UPLO": "L"},
    "linalg.eigvalsh": lambda _: {"a": leaf(3, 3), "UPLO": "U"},
    "linalg.lstsq": lambda _: {"a": leaf(4, 2), "b": array(4), "rcond": 1e-5},
    "linalg.matrix_norm": lambda _: {"x": leaf(2, 3, 2), "axis": (0, 1), "keepdims": False, "ord": "nuc"},
    "linalg.matrix_power": lambda _: {"a": leaf(3, 3), "n": 3},
    "linalg.matrix_rank": lambda _: {"a": leaf(3, 2), "tol": None, "rtol": 1e-5},
    "linalg.multi_dot": lambda _: {"arrays": [leaf(2, 3), array(3, 4)]},
    "linalg.norm": lambda _: {"x": leaf(2, 3), "ord": 1, "axis": 0, "keepdims": False},
    "linalg.pinv": lambda _: {"a": leaf(3, 2), "rcond": 1e-5},
    "linalg.qr": lambda _: {"a": leaf(3, 2), "mode": "reduced"},
    "linalg.slogdet": lambda _: {"a": leaf(3, 3)},
    "linalg.solve": lambda _: {"a": leaf(3, 3), "b": array(3, 2)},
    "linalg.svd": lambda _: {"a": leaf(3, 2), "full_matrices": False, "compute_uv": True},
    "linalg.svdvals": lambda _: {"x": leaf(3, 2)},
    "linalg.tensorinv": lambda _: {"a": leaf(2, 3, 6), "ind": 2},
    "linalg.tensorsolve": lambda _: {"a": leaf(2, 3, 6), "b": array(2, 3), "axes": None},
    "linalg.vector_norm": lambda _: {"x": leaf(2, 3), "axis": 0, "keepdims": False, "ord": 3},
    "nn.Lambda": lambda _: {"fn": cube},
    "nn.Module": lambda _: {},
    "nn.ModuleDict": lambda _: {"modules": {"a": nn.ReLU()}},
    "nn.ModuleList": lambda _: {"modules": [nn.ReLU()]},
    "nn.ParameterDict": lambda _: {"values": {"a": array(2)}},
    "nn.ParameterList": lambda _: {"values": [array(2)]},
    "nn.parametrize": lambda _: {"layer": nn.Linear(3, 2, rng=0), "name": "weight", "parametrization": nn.Tanh()},
    "nn.remove_parametrization": lambda _: {
        "layer": nn.weight_norm(nn.Linear(3, 2, rng=0)), "name": "weight", "keep_value": True},
    "nn.spectral_norm": lambda _: {"layer": nn.Linear(3, 2, rng=0), "name": "weight", "n_power_iterations": 1,
                                   "eps": 1e-12, "axis": 1, "rng": 0},
    "nn.weight_norm": lambda _: {"layer": nn.Linear(3, 2, rng=0), "name": "weight", "axis": 1},
    "nn.Parameter": lambda _: {"data": [1.0], "dtype": np.float32, "requires_grad": True, "name": "w"},
    "nn.Sequential": lambda _: {"*": [nn.ReLU(), nn.Linear(2, 3, rng=0)]},
    "init.constant": lambda _: {"shape": (2, 3), "value": 1.0, "rng": 0},
    "init.normal": lambda _: {"shape": (2, 3), "mean": 0.0, "std": 1.0, "rng": 0},
    "init.orthogonal": lambda _: {"shape": (2, 3), "gain": 1.0, "rng": 0},
    "init.uniform": lambda _: {"shape": (2, 3), "low": 0.0, "high": 1.0, "rng": 0},
    **{f"init.{name}": lambda _: {"shape": (2, 3), "rng": 0} for name in (
        "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
        "lecun_normal", "lecun_uniform", "ones", "zeros")},
    "optim.EMA": lambda _: {"model": net(), "decay": 0.9, "warmup": False},
    "optim.LBFGS": lambda _: {"params": net().parameters(), "max_iter": 2, "max_eval": None, "history_size": 2,
                              "tolerance_grad": 1e-7, "tolerance_change": 1e-9},
    "optim.ReduceLROnPlateau": lambda _: {"optimizer": sgd(), "mode": "min", "factor": 0.1, "patience": 1,
                                          "threshold": 1e-4, "cooldown": 0, "min_lr": 0.0},
    "optim.WarmupLR": lambda _: {"after": optim.StepLR(sgd(), 2), "steps": 3, "start": 0.0},
    "optim.Optimizer": lambda _: {"params": net().parameters()},
    "optim.Schedule": lambda _: {"optimizer": sgd()},
    "optim.clip_grad_norm": lambda _: {"params": trained().parameters(), "max_norm": 1.0, "error_if_nonfinite": True},
    "optim.clip_grad_value": lambda _: {"params": trained().parameters(), "max_value": 1.0},
    "data.ArrayDataset": lambda _: {"inputs": X, "targets": LABELS, "classes": ("a", "b"), "name": "n",
                                    "attribution": "me", "ignore_index": None, "channel_axis": True},
    "data.Batches": lambda _: {"source": [(X, LABELS)], "length": 1},
    "data.collate": lambda _: {"samples": [(X[0], 0), (X[1], 1)]},
    "data.digit_scenes": lambda _: {"count": (2, 1), "size": 18, "seed": 0, "boxes": True},
    "data.BalancedSampler": lambda _: {"labels": LABELS, "count": 3},
    "data.DataLoader": lambda _: {"dataset": samples(), "batch_size": 2, "shuffle": True, "seed": 0,
                                  "drop_last": False, "transform": None, "prefetch": 0, "sampler": None,
                                  "collate": None},
    "data.Dataset": lambda _: {},
    "data.Sampler": lambda _: {},
    "data.ImageFolder": lambda folder: {"root": pictures(folder), "size": (4, 4), "channels": 3, "cache": False,
                                        "name": "n", "attribution": "me", "masks": None, "classes": (),
                                        "ignore_index": None},
    "data.Subset": lambda _: {"dataset": samples(), "indices": [0, 1]},
    "data.WeightedSampler": lambda _: {"weights": [1.0, 2.0], "count": 3, "replacement": True},
    "data.cache_dir": lambda _: {},
    "data.cifar10": lambda folder: {"data_dir": folder, "download": False},
    "data.mnist": lambda folder: {"data_dir": folder, "download": False},
    "data.fashion_mnist": lambda folder: {"data_dir": folder, "download": False},
    "data.fashion_mnist_sample": lambda _: {},
    "data.digits": lambda _: {"split": "random", "test_size": 0.2, "seed": 0},
    "data.fetch": lambda _: {"name": "hed", "download": False},
    "data.load_image": lambda folder: {"path": image(folder), "size": (4, 4), "channels": 3},
    "data.random_split": lambda _: {"dataset": samples(), "sizes": [0.5, 0.5], "seed": 0},
    "data.read_idx": lambda folder: {
        "path": written(folder, "x.idx", lambda path: data.write_idx(path, np.zeros((2, 2), np.uint8))),
        "dtype": np.uint8, "rank": 2},
    "data.write_idx": lambda folder: {"path": folder / "y.idx", "array": np.zeros((2, 2), np.uint8)},
    "transforms.CenterCrop": lambda _: {"size": 4},
    "transforms.ColorJitter": lambda _: {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1},
    "transforms.Compose": lambda _: {"transforms": [data.transforms.RandomFlip()]},
    "transforms.Cutout": lambda _: {"size": 2},
    "transforms.Joint": lambda _: {"transforms": [data.transforms.RandomFlip()], "targets": "mask", "fill": 0,
                                   "min_visible": 0.1},
    "transforms.Move": lambda _: {"image": np.negative, "mask": np.copy, "boxes": list},
    "transforms.Resize": lambda _: {"size": 4},
    "transforms.Mixup": lambda _: {"alpha": 0.2, "classes": 2},
    "transforms.Normalize": lambda _: {"mean": [0.5], "std": [0.2]},
    "transforms.RandomCrop": lambda _: {"size": 4, "padding": 1},
    "transforms.RandomFlip": lambda _: {"horizontal": True, "vertical": False, "p": 0.5},
    "transforms.RandomRotate": lambda _: {"degrees": 10.0},
    "models.BasicBlock": lambda _: {"channels": 2, "width": 4, "stride": 2, "rng": 0},
    "models.InvertedResidual": lambda _: {"channels": 2, "out": 4, "window": 3, "stride": 2, "expand": 2, "rng": 0},
    "models.UNet": lambda _: {"channels": 1, "classes": 2, "rng": 0, "width": 2, "depth": 1},
    "models.build": lambda _: {"name": "lenet", **SHAPE},
    "models.lenet": lambda _: SHAPE,
    "models.mnistnet": lambda _: SHAPE,
    "models.vgg_small": lambda _: SHAPE,
    "models.resnet": lambda _: {"depth": 8, **SHAPE},
    "models.unet": lambda _: {"input_shape": (8, 8, 1), "classes": 2, "rng": 0, "width": 2, "depth": 1},
    "models.vgg": lambda _: {"depth": 11, "input_shape": (32, 32, 3), "classes": 2, "rng": 0, "hidden": 4},
    "io.atomic_write": lambda folder: {"path": folder / "atomic", "mode": "wb"},
    "io.from_keras": lambda _: {"model": net(), "weights": list(net().state_dict().values()), "names": None,
                                "strict": True},
    "io.from_torch": lambda _: {"model": net(), "weights": io.to_torch(net(), flatten={}), "input_shape": (8, 8, 1),
                                "flatten": None, "names": None, "strict": True},
    "io.to_torch": lambda _: {"model": net(), "input_shape": (8, 8, 1), "flatten": None},
    "io.load_keras_h5": lambda folder: {"path": folder / "none.h5"},
    "io.convert": lambda folder: {"source": saved(folder), "target": folder / "converted.npz"},
    "io.load_onnx": lambda folder: {"path": folder / "none.onnx"},
    "io.load_pth": lambda folder: {"path": folder / "none.pth"},
    "io.load_quantised": lambda folder: {"manifest_path": folder / "none.json"},
    "io.publish": lambda folder: {"temporary": folder / "none", "path": folder / "published"},
    "io.read_metadata": lambda folder: {"path": saved(folder)},
    "onnx.TrainingStep": lambda _: {"model": (model := net()), "loss": tg.softmax_cross_entropy,
                                    "optimizer": optim.SGD(model.parameters(), lr=0.1)},
    "onnx.export": lambda folder: {"*": [net(), folder / "net.onnx", array(2, 8, 8, 1)], "opset": 18},
    "onnx.how_exported": lambda _: {"name": "conv2d"},
    "onnx.load": lambda folder: {"path": exported(folder), "layout": "file"},
    "testing.LayerSample": lambda _: {"*": [(3, 2), {"bias": False}], "x": (4, 3)},
    "testing.apart": lambda _: {"*": [2, 3]},
    "testing.booleans": lambda _: {"*": [2, 3]},
    "testing.integers": lambda _: {"*": [5, 2, 3]},
    "testing.positive": lambda _: {"*": [2, 3]},
    "testing.probabilities": lambda _: {"*": [2, 3]},
    "testing.uniform": lambda _: {"*": [0.0, 1.0, 2, 3]},
    "testing.check_layer": lambda _: {"cls": nn.Tanh, "samples": None},
    "testing.check_op": lambda _: {"op": tg.sin, "orders": (1,)},
    "testing.check_optimizer": lambda _: {"cls": optim.SGD, "samples": None},
    "testing.check_schedule": lambda _: {"cls": optim.StepLR, "samples": None},
    "detection.Detections": lambda _: {"boxes": BOXES, "scores": np.ones(2), "classes": np.zeros(2, int)},
    "detection.Truths": lambda _: {"boxes": BOXES, "classes": np.zeros(2, int), "difficult": None},
    "detection.anchor_boxes": lambda _: {"anchors": [[2, 2], [1, 1]], "grid": (3, 3), "stride": 2},
    "detection.assign_anchors": lambda _: {"boxes": BOXES, "anchors": [[2, 2], [1, 1]], "grid": (4, 4), "stride": 1,
                                           "also": 1.0, "ignore": 0.5},
    "detection.average_precision": lambda _: {"scores": [0.9, 0.5], "hits": [1, 0], "positives": 2},
    "detection.box_area": lambda _: {"boxes": BOXES},
    "detection.box_iou": lambda _: {"boxes": BOXES, "others": BOXES},
    "detection.clip_boxes": lambda _: {"boxes": BOXES, "height": 3, "width": 3},
    "detection.convert_boxes": lambda _: {"boxes": BOXES, "source": "xyxy", "target": "cxcywh"},
    "detection.decode_boxes": lambda _: {"raw": array(1, 3, 3, 2, 4), "anchors": [[2, 2], [1, 1]], "stride": 1},
    "detection.encode_boxes": lambda _: {"boxes": BOXES, "slots": np.array([[0, 0, 0], [1, 1, 1]]),
                                         "anchors": [[2, 2], [1, 1]], "stride": 1},
    "detection.giou_loss": lambda _: {"predicted": tg.Tensor(BOXES, requires_grad=True), "target": BOXES,
                                      "reduction": "mean"},
    "detection.iou_loss": lambda _: {"predicted": tg.Tensor(BOXES, requires_grad=True), "target": BOXES,
                                     "reduction": "mean"},
    "detection.kmeans_anchors": lambda _: {"sizes": [[1, 2], [3, 4], [2, 2]], "count": 2, "rng": 0, "iterations": 3},
    "detection.match_detections": lambda _: {"boxes": BOXES, "scores": [0.9, 0.5], "true_boxes": BOXES, "iou": 0.5,
                                             "difficult": None},
    "detection.mean_average_precision": lambda _: {"detections": [detections()], "truths": [truths()], "iou": 0.5},
    "detection.nms": lambda _: {"boxes": BOXES, "scores": [0.9, 0.5], "threshold": 0.5, "classes": [0, 1]},
    "detection.shape_iou": lambda _: {"sizes": [[1, 2]], "others": [[2, 2]]},
    "plots.Watch": lambda _: {"model": net(), "bins": 5},
    "plots.confusion_matrix": lambda _: {"labels": LABELS, "predictions": LABELS, "classes": ("a", "b")},
    "plots.curves": lambda _: {"history": history(), "only": None},
    "plots.feature_maps_of": lambda _: {"model": net(), "x": X[:1], "layers": None},
    "plots.samples": lambda _: {
        "images": np.ones((3, 4, 4, 1)), "labels": np.arange(3), "losses": np.arange(3.0), "n": 2},
    "plots.filters": lambda _: {"layer": nn.Conv2d(1, 2, 3, rng=0), "most": 4},
    "plots.grad_cam_map": lambda _: {"model": net(), "x": X[:1], "layer": "0", "label": 1},
    "plots.loss_surface": lambda _: {"model": net(), "data": (X, LABELS), "directions": 1, "span": 1.0, "steps": 3,
                                     "seed": 0},
    "plots.lr_finder": lambda _: {"model": net(), "data": samples(), "optimizer": None, "loss": None, "low": 1e-6,
                                  "high": 1.0, "steps": 5, "batch_size": 2, "seed": 0},
    "plots.mistakes_of": lambda _: {"model_or_logits": net(), "data": (X, LABELS), "n": 2},
    "plots.random_direction": lambda _: {"model": net(), "seed": 0},
    "plots.receptive_field_of": lambda _: {"model": net(), "input_shape": (8, 8, 1), "layer": "0", "unit": (1, 1)},
    "plots.saliency_map": lambda _: {"model": net(), "x": X[:1], "label": 1, "smooth": 2, "noise": 0.1, "seed": 0},
    "insight.check_forward": lambda _: {"model": net(), "x": X, "classes": 2},
    "insight.check_gradients": lambda _: {"model": net(), "x": X, "labels": LABELS},
    "insight.check_independence": lambda _: {"model": net(), "x": X, "seed": 0},
    "insight.check_overfit": lambda _: {"model": net(), "x": X, "labels": LABELS, "steps": 2, "lrs": (0.1,)},
    "insight.check_start_loss": lambda _: {"model": net(), "x": X, "labels": LABELS, "tolerance": 0.3},
    "plots.segmentation": lambda _: {"images": X, "labels": np.zeros((4, 8, 8), int),
                                     "predictions": np.ones((4, 8, 8), int), "n": 1, "classes": ["a", "b"]},
    "train.AverageWeights": lambda _: {"ema": optim.EMA(net())},
    "train.Checkpoint": lambda folder: {"run": tg.Run(folder / "kept", {}), "every": 2},
    "train.EarlyStop": lambda _: {"patience": 2, "monitor": "loss", "mode": "min", "min_delta": 0.5},
    **{f"train.{name}": lambda _: {"outputs": array(4, 2), "labels": LABELS, "ignore_index": 7}
       for name in ("accuracy", "f1", "miou", "top5")},
    **{f"train.{name}": lambda _: {"outputs": array(4, 2), "targets": array(4, 2)} for name in ("mae", "mse")},
}  # fmt: skip

# methods: name -> what has it, and right arguments
METHODS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], dict[str, Any]]]] = {
    **{f"Tensor.{name}": (lambda _: leaf(2, 3), lambda _: {"axis": 1, "keepdims": True})
       for name in ("sum", "mean", "max", "min", "any", "all", "prod", "argmax", "argmin")},
    **{f"Tensor.{name}": (lambda _: leaf(2, 3), lambda _: {"axis": 1, "keepdims": True, "ddof": 1})
       for name in ("var", "std")},
    **{f"Tensor.{name}": (lambda _: leaf(2, 3), lambda _: {})
       for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "relu", "flatten", "ravel", "detach", "numpy", "tolist",
                    "retain_grad", "__neg__", "__abs__", "__repr__")},
    **{f"Tensor.__{name}__": (lambda _: leaf(2, 3), lambda _: {"*": [leaf(3)]})
       for name in ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv", "pow", "lt", "le", "gt",
                    "ge", "eq", "ne")},
    **{f"Tensor.__{name}__": (lambda _: leaf(2, 3) > 0, lambda _: {"*": [leaf(3) > 0]})
       for name in ("and", "or", "xor")},
    "Tensor.__matmul__": (lambda _: leaf(2, 3), lambda _: {"*": [leaf(3)]}),
    "Tensor.__getitem__": (lambda _: leaf(2, 3), lambda _: {"*": [(0, slice(1))]}),
    "Tensor.__setitem__": (lambda _: tg.Tensor(array(2, 3)), lambda _: {"*": [0, array(3)]}),
    "Tensor.__contains__": (lambda _: leaf(2, 3), lambda _: {"*": [0.5]}),
    "Tensor.reshape": (lambda _: leaf(2, 3), lambda _: {"*": [3, -1]}),
    "Tensor.transpose": (lambda _: leaf(2, 3), lambda _: {"*": [1, 0]}),
    "Tensor.swapaxes": (lambda _: leaf(2, 3), lambda _: {"axis1": 0, "axis2": 1}),
    "Tensor.squeeze": (lambda _: leaf(1, 3), lambda _: {"axis": 0}),
    "Tensor.repeat": (lambda _: leaf(2, 3), lambda _: {"repeats": 2, "axis": 1}),
    "Tensor.take": (lambda _: leaf(2, 3), lambda _: {"indices": [0, 1], "axis": 1}),
    "Tensor.cumsum": (lambda _: leaf(2, 3), lambda _: {"axis": 1}),
    "Tensor.astype": (lambda _: leaf(2, 3), lambda _: {"dtype": np.float64}),
    "Tensor.clip": (lambda _: leaf(2, 3), lambda _: {"low": 0.0, "high": 0.5}),
    "Tensor.assign": (lambda _: leaf(2, 3), lambda _: {"*": [array(2, 3)]}),
    "Tensor.update": (lambda _: leaf(2, 3), lambda _: {"*": [lambda a: None]}),
    "Tensor.backward": (lambda _: cube(leaf(2, 3)), lambda _: {"grad": array(2, 3), "retain_graph": False}),
    "Tensor.register_hook": (lambda _: leaf(2, 3), lambda _: {"fn": lambda g: None}),
    "Tensor.item": (lambda _: leaf(1), lambda _: {}),
    "Module.load_state_dict": (lambda _: net(), lambda _: {"*": [net().state_dict()]}),
    "Module.named_modules": (lambda _: net(), lambda _: {}),
    "Module.train": (lambda _: net(), lambda _: {"*": [True]}),
    "Module.summary": (lambda _: net(), lambda _: {"*": [(8, 8, 1)]}),
    "Optimizer.add_param_group": (lambda _: sgd(), lambda _: {"*": [{"params": [nn.Parameter([1.0])], "lr": 0.1}]}),
    "Optimizer.load_state_dict": (lambda _: sgd(), lambda _: {"*": [sgd().state_dict()]}),
    "Optimizer.step": (lambda _: sgd(), lambda _: {}),
    "Schedule.load_state_dict": (lambda _: optim.StepLR(sgd(), 2),
                                 lambda _: {"*": [optim.StepLR(sgd(), 2).state_dict()]}),
    "ReduceLROnPlateau.step": (lambda _: optim.ReduceLROnPlateau(sgd()), lambda _: {"*": [0.5]}),
    "Dataset.batch": (lambda _: samples(), lambda _: {"*": [[0, 1]]}),
    "Dataset.__getitem__": (lambda _: samples(), lambda _: {"*": [1]}),
    "Op.vjp": (lambda _: tg.Op(cube, name="cube"), lambda _: {"x": lambda g, x: 3 * g * x * x}),
    "Run.create": (lambda _: tg.Run, lambda folder: {"path": folder / "new", "config": {"note": 1}}),
    "Run.open": (lambda _: tg.Run, lambda folder: {"path": run(folder).path}),
    "Drawing.render": (lambda _: tg.draw(cube(leaf(2))), lambda folder: {"*": [folder / "drawing.dot"]}),
}  # fmt: skip

LEFT_OUT = {
    **dict.fromkeys(("distributed.rank", "distributed.size"), "has no arguments"),
    "onnx.OnnxModule": "is made by onnx.load",
    "tg.set_default_dtype": "changes what later calls make; tests/autodiff/test_default_dtype.py passes wrong ones",
    "train.Callback": "has no arguments, and methods that do nothing",
    "train.Progress": "has no arguments",
    "train.Training": "is what fit gives to callbacks, not made by users",
    "train.from_counts": "makes a metric of any two functions, which are the user's",
    "tg.Op": "by tg.op",
    "tg.report": "writes a whole page; its arguments are those of Run.open",
    **dict.fromkeys(("init.fans", "init.draw"), "is called by layers, with their names"),
    "data.download": "reaches for the network, which tests must not",
    **dict.fromkeys(("models.HED", "models.TinyFaceDetector", "models.VGG16Features", "models.efficientnet_lite0",
                     "models.hed_edges", "models.tiny_face_detector", "models.vgg16_features", "models.mobilenet_v2"),
                    "draws millions of weights at each call"),
    **dict.fromkeys(("plots.feature_maps", "plots.grad_cam", "plots.histograms", "plots.loss_landscape",
                     "plots.most_confused", "plots.receptive_field", "plots.saliency", "plots.picture", "plots.pyplot"),
                    "draws what the function named *_of, *_map or *_surface computes"),
    **dict.fromkeys(("graphs.renderers", "graphs.html_of", "testing.check_picture"), "answers what is drawn"),
    **dict.fromkeys(("testing.gradcheck",), "has tests of its own for wrong arguments"),
    **dict.fromkeys(("linalg.EighResult", "linalg.LstsqResult", "linalg.QRResult", "linalg.SVDResult",
                     "linalg.SlogdetResult"), "is what functions return, not made by users"),
    "testing.GradientSnapshot": "is what the fixture gives; test_snapshot.py tries wrong arguments",
    **dict.fromkeys(
        ("tg.Explanation", "tg.Profile", "detection.Assignment", "detection.MeanAveragePrecision", "insight.Finding",
         "detection.PrecisionRecall", "graphs.Drawing", "insight.Report", "plots.FeatureMaps", "plots.LRFinder",
         "plots.LossSurface", "plots.Mistake", "plots.ReceptiveField", "testing.ContractReport",
         "testing.GradReport"), "is what functions return, not made by users"),
}  # fmt: skip


def public():
    """name -> object of each callable that a package exports as its own, ops apart."""
    found, seen = {}, set()
    for short, package in PACKAGES.items():
        listed = getattr(package, "__all__", None)
        below = "tinygrad_cnn" if listed or package is testing else package.__name__
        names = listed or [n for n in vars(package) if not n.startswith("_")]
        for name in names:
            value = getattr(package, name)
            own = getattr(value, "__module__", "").startswith(below)
            is_error = isinstance(value, type) and issubclass(value, BaseException)
            if callable(value) and own and not is_error and not isinstance(value, tg.Op) and id(value) not in seen:
                seen.add(id(value))
                found[f"{short}.{name}"] = value
    return found


def _of_op(op, sample, grad):
    def make(_):
        inputs, params = sample.draw(op, dtype=np.float32)
        if grad:
            floats = [getattr(x, "dtype", None) == np.float32 for x in inputs]
            inputs = [tg.Tensor(x, requires_grad=True) if f else x for f, x in zip(floats, inputs, strict=True)]
        return op, inputs, {n: v for n, v in params.items() if n not in op.effects}

    return make


def _of_layer(cls, sample):
    def call(_):
        return sample.make(cls), sample.draw(), {}

    def construct(_):
        names = list(inspect.signature(cls).parameters)
        named = dict(zip(names, sample.args, strict=False)) if "layers" not in names else {}
        return cls, [] if named or not sample.args else list(sample.args), {**named, **sample.options}

    return call, construct


def _of_table(value, right):
    def make(folder):
        named = dict(right(folder))
        return value, list(named.pop("*", ())), named

    return make


def _of_method(name, holder, right):
    def make(folder):
        named = dict(right(folder))
        return getattr(holder(folder), name), list(named.pop("*", ())), named

    return make


OPERATORS = {"truediv": "div", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
             "ne": "not_equal", "and": "logical_and", "or": "logical_or", "xor": "logical_xor"}  # fmt: skip
ALSO = {  # other names by which messages may call it
    "Tensor.flatten": ("reshape",), "Tensor.ravel": ("reshape",), "Tensor.astype": ("cast",),
    "Tensor.assign": ("Tensor",), "Dataset.batch": ("data set",), "Dataset.__getitem__": ("data set",),
    "Tensor.__setitem__": ("t[...] = v",), "Tensor.__contains__": ("in",), "Optimizer.add_param_group": ("SGD",),
    "Optimizer.step": ("SGD", "relu", "len"), "Tensor.update": ("only 0-dimensional", "ReLU"),
    "Optimizer.load_state_dict": ("SGD",), "Schedule.load_state_dict": ("StepLR",), "Run.create": ("Run",),
    "Run.open": ("Run",), "Tensor.register_hook": ("hook",), "plots.feature_maps_of": ("feature_maps",),
    "plots.grad_cam_map": ("grad_cam",), "plots.saliency_map": ("saliency",), "plots.mistakes_of": ("most_confused",),
    "plots.loss_surface": ("loss_landscape",), "plots.receptive_field_of": ("receptive_field",),
    "tg.draw_diff": ("draw",), "data.cifar10": ("CIFAR-10",), "data.mnist": ("MNIST",),
    "data.fashion_mnist": ("Fashion-MNIST",), "nn.Parameter": ("Tensor", "requires_grad"), "tg.op": ("fuzzed",),
    "Op.vjp": ("cube",),
    "tg.tensor": ("requires_grad",), "tg.Tensor": ("requires_grad",),
    **{f"insight.check_{name}": ("sanity",) for name in (
        "forward", "gradients", "independence", "overfit", "start_loss")},
}  # fmt: skip
FIXED = {  # arguments that stay as they are
    "download",  # a true value would reach for the network
    "create_graph", "retain_graph", "allow_unused",  # of tg.grad: the engine has no lines to spare for their checks
}  # fmt: skip


def subjects() -> list[Subject]:
    found = [
        Subject(f"op {name}", _of_op(op, sample, grad), (name,))
        for name, op in tg.registry.items()
        for sample in op.samples[:2]
        for grad in (False, True)
    ]
    for name, value in public().items():
        short = name.partition(".")[2]
        if isinstance(value, type) and issubclass(value, nn.Module) and hasattr(value, "samples"):
            for sample in value.samples[:2]:
                call, construct = _of_layer(value, sample)
                found += [Subject(f"{name}()", call, (short,)), Subject(name, construct, (short,))]
        elif name in CALLS:
            found.append(Subject(name, _of_table(value, CALLS[name]), (short, *ALSO.get(name, ()))))
        elif name.startswith("optim.") and getattr(value, "samples", None):
            first = "optimizer" if issubclass(value, optim.Schedule) else "params"
            given = {"optimizer": sgd, "params": lambda: [p for p in trained().parameters() if p.ndim > 1]}[first]
            right = partial(lambda first, given, more, _: {first: given(), **more}, first, given, value.samples[0])
            found.append(Subject(name, _of_table(value, right), (short,)))
        else:
            assert name in LEFT_OUT, f"{name} is public: add right arguments to CALLS in tests/fuzz/subjects.py"
    for name, (holder, right) in METHODS.items():
        short = name.partition(".")[2]
        plain = short.strip("_")
        plain = plain[1:] if plain in ("radd", "rsub", "rmul", "rtruediv") else plain
        also = (plain, OPERATORS.get(plain, plain), *ALSO.get(name, ()))
        found.append(Subject(name, _of_method(short, holder, right), also))
    return found
