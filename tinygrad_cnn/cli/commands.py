"""The commands and their options; what they do is in the module of the same name, imported when it is called."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from ..version import __version__
from .bench import bench


def _positive(_context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise click.BadParameter(f"{value} is not a positive number.", param=option)
    return value


def _shape(_context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    parts = value.lower().split("x") if value is not None else []
    if value is not None and not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is not a shape; write height x width x channels: 28x28x1.", param=option)
    return tuple(map(int, parts)) or None


COUNT = click.IntRange(min=1)
SHOW = "shapes,values,grads,params,cost,time,memory"  # what `tg.draw(show=...)` knows
INPUT = click.option("--input", "input_shape", metavar="HxWxC", callback=_shape, help="One input.  [default: 28x28x1]")
MODEL = click.option("--model", metavar="NAME", help="The network of tg.models that a FILE of weights belongs to.")
CLASSES = click.option("--classes", type=COUNT, help="How many there are.  [default: 10]")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tinygrad-cnn %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Convolutional networks as tensor expressions: train one, look at its graph, check every gradient."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@app.command()
@click.option("--data", metavar="NAME", help="digits, digit_scenes, mnist, fashion_mnist.  [default: digits]")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the files of --data are.")
@click.option("--model", metavar="NAME", help="A network of tg.models.  [default: the data set's]")
@click.option("--epochs", type=COUNT, help="How often to go through the data; with --resume, in all.")
@click.option("--batch-size", type=COUNT, help="Examples in one update.")
@click.option("--lr", type=float, callback=_positive, help="Step size at the start.")
@click.option("--seed", type=click.IntRange(min=0), help="Of weights, order and augmentation.  [default: 0]")
@click.option("--threads", type=click.IntRange(1, 256), help="Of the computing libraries.  [default: every core]")
@click.option("--precision", type=click.Choice(["highest", "medium"]), help="Of float32 products.  [default: highest]")
@click.option("--out", metavar="RUN", type=click.Path(path_type=Path), help="The run's folder, new or empty.")
@click.option("--resume", metavar="RUN", type=click.Path(path_type=Path), help="Go on with a run; --epochs extends it.")
@click.option("--checkpoint-steps", type=COUNT, help="A checkpoint every so many updates too, not only each epoch.")
@click.option("--checkpoint-minutes", type=float, callback=_positive, help="A checkpoint every so many minutes too.")
@click.option("--keep", type=COUNT, default=3, help="How many of the last checkpoints stay.  [default: 3]")
@click.option("--compile", is_flag=True, help="Record forward and backward once and replay them; the same results.")
@click.option("--live", is_flag=True, help="Show the training on a page of this machine while it runs.")
@click.option("--tensorboard", is_flag=True, help="Write event files into RUN/tensorboard too (needs tensorboardX).")
@click.option("--distributed", is_flag=True, help="Train on all processes of mpiexec, which share each batch.")
@click.option("--quiet", is_flag=True, help="Print the last line only.")
def train(**options: Any) -> int:
    """Train a network; without options, a LeNet-style one on handwritten digits."""
    from .train import train

    return train(**options)


@app.command()
@click.argument("paths", metavar="[RUN] [IMAGES]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--data", metavar="NAME", help="Predict the test part of a data set instead of images.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the files of --data are.")
@click.option("--weights", metavar="FILE", type=click.Path(path_type=Path), help="Use the network of a file, not RUN.")
@MODEL
@INPUT
@CLASSES
def predict(
    paths: tuple[Path, ...], data: str | None, data_dir: Path | None, weights: Path | None, **of_file: Any
) -> None:
    """Classify images (PNG or JPEG, any size) with the network of RUN, or of an ONNX file or file of weights."""
    from .predict import by_weights, predict

    if weights is not None:
        by_weights(weights, paths, of_file["model"], of_file["input_shape"], of_file["classes"])
    elif paths:
        predict(paths[0], paths[1:], data, data_dir)
    else:
        raise click.UsageError("predict: name a run folder first, as in: predict RUN digit.png")


@app.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page's address.  [default: one that is free]")
@click.option("--no-browser", is_flag=True, help="Print the page's address and open nothing.")
def play(run: Path, port: int | None, no_browser: bool) -> None:
    """Open a page to draw on: probabilities, feature maps and saliency of the network of RUN, as you draw."""
    from .play import play

    play(run, port, not no_browser)


@app.command()
@click.argument("what", metavar="RUN|FILE|MODULE:FUNCTION")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="svg, png, pdf, dot or html, by suffix.")
@click.option("--show", metavar="WORDS", default="shapes", help=f"{SHOW}, or all.  [default: shapes]")
@click.option("--direction", type=click.Choice(["forward", "backward", "both"]), default="forward", show_default=True)
@click.option("--depth", type=COUNT, help="Draw modules nested deeper than this as one box each.")
@click.option("--collapse", metavar="PATH", multiple=True, help="Draw this module as one box; may be given again.")
@MODEL
@INPUT
@CLASSES
def draw(what: str, out: Path | None, **options: Any) -> None:
    """Draw the graph of a run's network, of an ONNX file, or of what MODULE:FUNCTION() returns."""
    from .draw import draw

    draw(what, out, **options)


@app.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Where the page goes.")
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write the page of a RUN again, or one that compares several."""
    from .report import report

    report(runs, out)


@app.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--step", type=COUNT, required=True, metavar="N", help="The number of the update, from 1.")
@click.option("--profile", is_flag=True, help="Print where the time of the step goes.")
@click.option("--anomaly", is_flag=True, help="Name the op that makes the first value that is not finite.")
@click.option("--draw", metavar="FILE", type=click.Path(path_type=Path), help="The graph with values and gradients.")
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="The batch, largest losses first.")
def replay(run: Path, step: int, **options: Any) -> int:
    """Compute step N of RUN again with the same bits, and look at it."""
    from .replay import replay

    return replay(run, step, **options)


@app.command()
@click.argument("ops", metavar="[OP]...", nargs=-1)
def check(ops: tuple[str, ...]) -> int:
    """Check ops against their references and their gradients by differences; without OP, all of them."""
    from .check import check

    return check(ops)


@app.command()
@click.argument("what", metavar="MODEL|RUN|FILE|MODULE:FUNCTION")
@MODEL
@INPUT
@CLASSES
def summary(what: str, model: str | None, input_shape: tuple[int, ...] | None, classes: int | None) -> None:
    """List the layers of a model (shapes, parameters, multiply-adds, memory), or the arrays of a file."""
    from .inspect import summary

    summary(what, input_shape, classes, model)


@app.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
def convert(source: Path, out: Path) -> None:
    """Write the arrays of a file, of any format, as .safetensors or .npz; or the network of a run as .onnx."""
    from .files import convert

    convert(source, out)


@app.command()
@click.argument("what", metavar="MODEL|RUN|MODULE:FUNCTION")
@INPUT
@CLASSES
@click.option("--steps", type=COUNT, default=100, help="To learn one batch by heart.  [default: 100]")
def doctor(what: str, input_shape: tuple[int, ...] | None, classes: int | None, steps: int) -> int:
    """Find out whether a model can be trained: loss at start, gradients, leaks between samples, overfitting."""
    from .inspect import doctor

    return doctor(what, input_shape, classes, steps)


@app.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def fetch(names: tuple[str, ...]) -> None:
    """Bring real photographs, trained networks and data into the cache; without NAME, list what there is."""
    from .fetch import fetch

    fetch(names)


@app.command()
def info() -> None:
    """Versions, kernels in use, threads, renderers; and why something is absent."""
    from .info import info

    info()


app.add_command(bench)
