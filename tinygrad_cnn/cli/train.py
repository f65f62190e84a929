"""``tinygrad-cnn train``: from a name of a data set to a run folder with a trained network."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import graphs, optim, plots
from ..autodiff.world import ALONE, World, using
from ..distributed import parallel, start
from ..kernels.precision import set_float32_precision
from ..train import Checkpoint, evaluate, fit, predict, recipes
from ..train.checkpoints import KEEP
from ..train.history import History
from ..train.run_folder import Run
from ..train.settings import RULES
from . import observers
from .threads import set_threads
from .words import echo

# of a run, which stay; more epochs extend it
SETTINGS = ("data", "data_dir", "model", "batch_size", "lr", "seed", "precision")
SHOWN = 6  # images with their masks in a picture


def train(
    *, out: Path | None, resume: Path | None, quiet: bool, threads: int | None, live: bool = False,
    tensorboard: bool = False, distributed: bool = False, compile: bool = False, checkpoint_steps: int | None = None,
    checkpoint_minutes: float | None = None, keep: int = KEEP, **given: Any,
) -> int:  # fmt: skip
    """Train, write the run folder, print the accuracy; the exit code."""
    world = start() if distributed else ALONE
    quiet, live, tensorboard = quiet or world.rank > 0, live and not world.rank, tensorboard and not world.rank
    say = (lambda _: None) if quiet else echo
    observers.check(live, tensorboard)
    if resume is not None:
        run = _resumed(resume, out, given, say)
        _check_share(run.config["batch_size"], world.size)
        threads = threads or run.config["threads"]  # the order of a BLAS's sums may depend on it
        parts = recipes.load(run.config["data"], _path(run.config["data_dir"]))
    else:
        config, parts = _configure(given)
        _check_share(config["batch_size"], world.size)
        config["threads"] = threads
        run = Run.create(out, config) if out else Run.numbered("runs", f"{config['data']}-{config['model']}", config)
    if threads is not None and (complaint := set_threads(threads)):
        click.echo(f"tinygrad-cnn: --threads: {complaint}", err=True)
    keeper = Checkpoint(run, steps=checkpoint_steps, minutes=checkpoint_minutes, keep=keep)
    with set_float32_precision(run.config.get("precision", "highest")), run.writing():
        return _begun(
            run, parts, world, resume is None, say, {"live": live, "tensorboard": tensorboard, "quiet": quiet}, compile,
            keeper,
        )  # fmt: skip


def _begun(
    run: Run, parts: tuple[Any, Any], world: World, new: bool, say: Any, options: dict[str, bool], compile: bool,
    keeper: Checkpoint,
) -> int:  # fmt: skip
    """Train and report what is trained; the exit code."""
    run.begin()
    model = run.model(trained=False)
    count = sum(p.size for p in model.parameters())
    about = (f"{run.config['model']}, {count:,} parameters, on {len(parts[0]):,} images of {run.config['data']}; "
             f"{len(parts[1]):,} held out")  # fmt: skip
    say(about)
    if new:
        _draw(run, model, say)
    with observers.Observers(run, model, about=about, **options) as watching:
        watching.callbacks.append(keeper)
        return _trained(run, model, parts, watching, say, options["quiet"], world, compile)


def _trained(
    run: Run, model: Any, parts: tuple[Any, Any], watching: Any, say: Any, quiet: bool, world: World, compile: bool
) -> int:  # fmt: skip
    """Train; whatever comes of it, a report is made of it; the exit code."""
    try:
        history = _fit(model, parts, run, watching, quiet, world, compile)
    except FloatingPointError as error:
        _report(run, watching, say, test=parts[1], status="stopped by a loss that is not finite")
        raise click.ClickException(f"{error} The last checkpoint is in {run.path}.") from error
    if world.rank:
        return 0
    with using(ALONE):  # the report computes gradients, which no other rank waits for
        return _ended(run, model, parts[1], history, watching, say)


def _ended(run: Run, model: Any, test: Any, history: History, watching: Any, say: Any) -> int:
    """Make the report and the last words of a training that was not broken off; the exit code."""
    if history.stopped == "interrupted":
        _report(run, watching, say, model=model, test=test, history=history)
        name = history.signal or "SIGINT"
        by = "Ctrl-C" if name == "SIGINT" else name
        echo(f"stopped by {by}; go on with: tinygrad-cnn train --resume {run.path}", err=True)
        return 128 + getattr(signal, name)
    _finish(run, model, test, history, watching, say)
    return 0


def _configure(given: dict[str, Any]) -> tuple[dict[str, Any], tuple[Any, Any]]:
    """The settings of a new run, defaults filled in from its recipe, and its data."""
    name = given["data"] or "digits"
    parts = recipes.load(name, given["data_dir"])
    recipe = recipes.RECIPES[name]
    model = given["model"] or recipe.model
    recipes.check_model(model, name, parts[0])
    seed = given["seed"] or 0
    config = {
        "data": name,
        "data_dir": None if given["data_dir"] is None else str(Path(given["data_dir"]).resolve()),
        "model": model,
        "input_shape": list(parts[0].image_shape),
        "classes": list(parts[0].classes),
        "epochs": given["epochs"] or recipe.epochs,
        "batch_size": given["batch_size"] or recipe.batch_size,
        "lr": given["lr"] or recipe.lr,
        "seed": seed,
        "precision": given["precision"] or "highest",
    }
    return config, parts


def _resumed(path: Path, out: Path | None, given: dict[str, Any], say: Any) -> Run:
    """The run to go on with; its settings are its own, but for more epochs."""
    more = [name for name in SETTINGS if given[name] is not None] + ["out"] * (out is not None)
    if more:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in more)
        raise click.UsageError(f"--resume goes on with the run's own settings; leave out {options}.")
    run, wished = Run.open(path), given["epochs"]
    run.check(*RULES)
    over, had = run.epochs(), run.config["epochs"]
    if wished is not None and wished < over:
        raise click.UsageError(f"{path} has {over} epochs behind it; --epochs {wished} is fewer. Ask for more.")
    if wished is not None and wished != had:
        with run.writing():
            run.change(epochs=wished)
    elif over >= had:
        say(f"{path} is finished after {over} epoch{'s' * (over != 1)}; "
            f"to go on with it: tinygrad-cnn train --resume {path} --epochs {2 * over}")  # fmt: skip
    return run


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _check_share(batch_size: int, ranks: int) -> None:
    """Refuse a batch that ranks cannot share equally."""
    if batch_size % ranks:
        raise click.ClickException(
            f"--distributed: {ranks} ranks share each batch of {batch_size}, which is not divisible by {ranks}. Choose "
            f"--batch-size {-(-batch_size // ranks) * ranks}, or another number of ranks."
        )


def _fit(
    model: Any, parts: tuple[Any, Any], run: Run, watching: Any, quiet: bool, world: World, compile: bool
) -> History:  # fmt: skip
    optimizer: optim.Optimizer = optim.Adam(model.parameters(), run.config["lr"])
    if world is not ALONE:
        model, optimizer = parallel(model, optimizer)
    return fit(
        model, **recipes.arguments(run.config, optimizer, parts[0], world.size), validation=parts[1],
        progress=not quiet and not _is_over(run), callbacks=watching.callbacks, compile=compile,
    )  # fmt: skip


def _is_over(run: Run) -> bool:
    """Whether there is nothing left to train, which has been said already."""
    return run.epochs() >= run.config["epochs"]


def _draw(run: Run, model: Any, say: Any) -> None:
    """The network's graph; without a renderer the training goes on and the DOT text is kept."""
    x = np.zeros((1, *run.config["input_shape"]), np.float32)
    model.eval()  # as `tinygrad-cnn draw` does: some layers take no batch of one in training
    drawing = graphs.draw(model, x, title=run.config["model"])
    model.train()
    try:
        run.draw("graph.svg", drawing.render)
    except graphs.RenderError as error:
        run.draw("graph.dot", drawing.render)
        say(f"graph.svg was left out, graph.dot written: {error}")


def _report(run: Run, watching: Any, say: Any, **known: Any) -> None:
    """The page of the run; a report must not fail a training, so what goes wrong is said in a line."""
    watching.recorder.keep()
    try:
        from ..pages.report.writing import report

        made = report(run, watch=watching.recorder.watch, **known)
        if made.missing_line:
            say(f"report.html: {made.missing_line}")
    except Exception as error:
        say(f"report.html was left out: {error}")
    if watching.live is not None:
        watching.live.finish()


def _finish(run: Run, model: Any, test: Any, history: History, watching: Any, say: Any) -> None:
    """Pictures of the training, and the last words."""
    found = evaluate(model, test, metrics=recipes.RECIPES[run.config["data"]].metrics)
    result, picture = _picture(run, model, test)
    try:
        run.draw("curves.png", plots.curves(history).savefig)
        run.draw(f"{result}.png", picture().savefig)
    except ImportError as error:
        say(f"curves.png and {result}.png were left out: {error}")
    _report(run, watching, say, model=model, test=test, history=history)
    what = "the confusion matrix" if result == "confusion" else result
    say(f"the run is in {run.path}: weights, metrics, the graph, curves, {what}")
    say(f"all of it on one page: {run.path / 'report.html'}")
    say(f"try next: tinygrad-cnn predict {run.path} --data {run.config['data']}")
    say(f"          tinygrad-cnn draw {run.path}")
    say("          tinygrad-cnn check conv2d")
    click.echo(f"{[*found][-1]} {[*found.values()][-1]:.4f}")


def _picture(run: Run, model: Any, test: Any) -> tuple[str, Any]:
    """The picture of what the network says about held-out images: its name, and what draws it."""
    classes = run.config["classes"]
    if isinstance(test.targets, np.ndarray) and test.targets.ndim > 1:
        images, labels = test.batch(range(min(len(test), SHOWN)))
        return "masks", lambda: plots.segmentation(images, labels, predict(model, images).argmax(-1), classes=classes)
    guesses = predict(model, test.images).argmax(axis=-1)
    return "confusion", lambda: plots.confusion_matrix(test.labels, guesses, classes)
