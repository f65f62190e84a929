"""Files as arguments of commands: the network of an ONNX file, arrays in any format, and ``tinygrad-cnn convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from . import target

ROWS = 200  # arrays in a table


def is_file(what: str) -> bool:
    """Whether an argument names a file, and not a model, a run or a function."""
    return Path(what).is_file()


def network(
    who: str, path: Path, model: str | None, input_shape: target.Shape | None, classes: int | None
) -> tuple[Any, Any]:
    """(model, shape of one input) of a file: of its graph if it is ONNX, else of the network that `model` names.

    Images come channels last, whatever the file has.
    """
    from ..io import formats

    if formats.recognised(path) == "onnx":
        return _of_onnx(who, path, input_shape)
    if model is None:
        raise click.ClickException(f"{who}: {path} holds arrays and no graph. Name their network: --model NAME.")
    net, shape, _ = target.model(who, model, input_shape, classes)
    return fill(net, path, shape).eval(), shape


def _of_onnx(who: str, path: Path, input_shape: target.Shape | None) -> tuple[Any, Any]:
    from .. import onnx

    net = onnx.load(path)
    if len(net.input_names) != 1:
        raise click.ClickException(f"{who}: {path} has {len(net.input_names)} inputs, {', '.join(net.input_names)}; "
                                   "this command takes networks with one.")  # fmt: skip
    known = net.input_shape
    if known is not None and len(known) > 3 and not net.channels_last:
        net.layout, known = "channels_last", (known[0], *known[2:], known[1])
    shape = input_shape or (known[1:] if known is not None else None)
    if shape is None or any(n is None for n in shape):
        raise click.ClickException(f"{who}: {path} does not say how large its input is. Give it: --input HxWxC.")
    return net.eval(), tuple(shape)


def fill(net: Any, path: Path, input_shape: Any) -> Any:
    """Write the arrays of a file into a network: ours by name, others' as `from_torch` and `from_keras` do."""
    from .. import io
    from ..io import formats
    from ..nn.loading import TorchArrays

    if formats.recognised(path) == "hdf5":
        io.from_keras(net, path)
        return net
    found = io.load(path)
    found = found.get("model", found)
    if found.keys() == net.state_dict().keys() and not isinstance(found, TorchArrays):
        net.load_state_dict(found)
    else:
        io.from_torch(net, found, input_shape=tuple(input_shape))
    return net


def table(path: Path) -> None:
    """Print the arrays of a file: names, shapes, dtypes, bytes."""
    from ..io import formats

    format = formats.recognised(path)
    arrays = dict(formats.flat(formats.load(path)))
    width = max((len(name) for name in arrays), default=0)
    words = formats.FORMATS[format].words if format else "unknown"
    click.echo(f"{path}: {words}, {len(arrays)} arrays")
    for name, array in list(arrays.items())[:ROWS]:
        click.echo(f"  {name:<{width}}  {array.dtype.name:<8} {'x'.join(map(str, array.shape)) or 'one number'}")
    if len(arrays) > ROWS:
        click.echo(f"  ... and {len(arrays) - ROWS} more")
    click.echo(f"{sum(a.size for a in arrays.values()):,} numbers, {sum(a.nbytes for a in arrays.values()):,} bytes")


def convert(source: Path, out: Path) -> None:
    """Write the arrays of a file in another format, or the network of a run as ONNX."""
    from .. import io

    if source.is_dir():
        if out.suffix != ".onnx":
            raise click.ClickException(f"convert: the network of a run is written as .onnx, not as {out.name}.")
        from .. import onnx
        from ..train.run_folder import Run

        run = Run.open(source)
        example = np.zeros((1, *run.config["input_shape"]), np.float32)
        onnx.export(run.model(), out, example)
    else:
        io.convert(source, out)
    click.echo(f"written: {out}")
