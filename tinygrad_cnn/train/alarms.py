"""A step at which the loss jumped or was not finite: which module and which samples contributed most."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..core import Tensor, no_grad
from ..data.batches import length
from ..insight.anomalies import AnomalyError, anomaly
from .run_folder import Run
from .state import preserved
from .structure import arrays, call
from .training import Training

FILE = "alarms.json"
NAMED = 3  # samples in a message
MOST = 4096  # samples whose losses are computed


@dataclass
class Alarm:
    """What is known of a bad step."""

    step: int
    epoch: int
    batch: int
    lr: float
    loss: float
    usual: float | None  # the loss before; None where the loss is not finite
    module: str = ""
    why: str = ""  # what is wrong in the module
    samples: list[tuple[int, float]] = field(default_factory=list)  # number and loss, the largest first
    numbered: bool = False  # whether these are numbers in the data set, and not places in the batch

    def words(self) -> str:
        """What happened, in one line."""
        if self.usual is None:
            said = f"the loss is {self.loss}"
        else:
            said = f"the loss jumped from about {self.usual:.3g} to {self.loss:.3g}"
        parts = [f"{said} at step {self.step} (epoch {self.epoch}, lr {self.lr:g})"]
        if self.why:
            parts.append(f"{self.module or 'the model'}: {self.why}")
        if self.samples:
            named = ", ".join(f"{number} ({loss:.3g})" for number, loss in self.samples[:NAMED])
            what = "samples" if self.numbered else "places of the batch"
            parts.append(f"the {what} with the largest losses are {named}")
        return "; ".join(parts) + "."

    def command(self, run: Run) -> str:
        """How to see it again."""
        return f"Replay it: tinygrad-cnn replay {shlex.quote(str(run.path))} --step {self.step}"


def of_jump(training: Training, loss: Any, samples: np.ndarray | None, usual: float) -> Alarm:
    """The alarm of a loss that jumped, after its step back."""
    module, share = steepest(training.model)
    alarm = Alarm(training.step, training.epoch, training.batch, training.lr, training.loss, usual, module)
    alarm.why = f"{share:.0%} of the squared gradient"
    _add_samples(alarm, loss, training.given, samples)
    return alarm


def of_not_finite(
    training: Training, loss: Any, value: float, given: tuple[Any, Any, Any], samples: np.ndarray | None
) -> Alarm:
    """The alarm of a loss that is not finite: before its step back, which would make no sense."""
    alarm = Alarm(training.step + 1, training.epoch, training.batch + 1, training.next_lr, value, None)
    alarm.module, alarm.why = _origin(training.model, given[0])
    _add_samples(alarm, loss, given, samples)
    return alarm


def steepest(model: Any) -> tuple[str, float]:
    """The module whose own parameters have the largest gradient, and its share of the squared norm."""
    shares = gradient_shares(model)
    return max(shares.items(), key=lambda one: one[1]) if shares else ("", 0.0)


def gradient_shares(model: Any) -> dict[str, float]:
    """Each module's share of the squared norm of all gradients, by path."""
    squares: dict[str, float] = {}
    for path, parameter in model.named_parameters():
        if parameter.grad is not None:
            module = path.rpartition(".")[0]
            values = parameter.grad.astype(np.float64)
            squares[module] = squares.get(module, 0.0) + float((values * values).sum())
    whole = sum(squares.values())
    return {module: square / whole for module, square in squares.items()} if whole and math.isfinite(whole) else {}


def _origin(model: Any, inputs: Any) -> tuple[str, str]:
    """The module in which values that are not finite come up first, and how."""
    for path, parameter in model.named_parameters():
        if not np.isfinite(parameter.data).all():
            return path.rpartition(".")[0], f"its {path.rpartition('.')[2]} is not finite since the update before"
    try:
        with preserved(model), no_grad(), anomaly():
            call("fit", model, inputs)
    except AnomalyError as error:
        return error.path, str(error).partition("\n")[0].removeprefix("anomaly: ").rstrip(".:")
    except Exception:  # the alarm must not hide what it is about
        return "", ""
    return "", "all of its outputs are finite, so the loss itself is not"


def losses_by_sample(loss: Any, outputs: Any, targets: Any) -> np.ndarray | None:
    """The loss of each sample by itself, from the outputs of a batch; None where it cannot be had."""
    outputs = arrays(outputs)
    if loss is None or not isinstance(outputs, np.ndarray) or not outputs.ndim:
        return None
    targets = arrays(targets)
    found = []
    try:
        with no_grad(), np.errstate(all="ignore"):
            for k in range(min(len(outputs), MOST)):
                one = Tensor(outputs[k : k + 1])
                value = loss(one) if targets is None else loss(one, _part(targets, k))
                found.append(float(value.item() if isinstance(value, Tensor) else value))
    except Exception:  # a loss that looks at a whole batch
        return None
    return np.array(found)


def _part(targets: Any, k: int) -> Any:
    """The targets of one sample, as a batch of one."""
    if isinstance(targets, dict):
        return {key: _part(value, k) for key, value in targets.items()}
    if isinstance(targets, tuple):
        return tuple(_part(value, k) for value in targets)
    return targets[k : k + 1]


def _add_samples(alarm: Alarm, loss: Any, given: tuple[Any, Any, Any], samples: np.ndarray | None) -> None:
    inputs, targets, outputs = given
    losses = losses_by_sample(loss, outputs, targets)
    if losses is None:
        return
    order = np.argsort(-np.nan_to_num(losses, nan=np.inf), kind="stable")[:16]
    alarm.numbered = samples is not None and len(samples) == length((inputs, targets))
    numbers = samples if alarm.numbered and samples is not None else np.arange(len(losses))
    alarm.samples = [(int(numbers[k]), float(losses[k])) for k in order]


def keep(run: Run, alarm: Alarm) -> None:
    """Write an alarm beside those of the run; one of the same step takes the place of the other."""
    found = [one for one in read(run) if one.step != alarm.step]
    rows = [_plain(asdict(one)) for one in sorted([*found, alarm], key=lambda one: one.step)]
    run.write(FILE, json.dumps({"alarms": rows}, indent=1, allow_nan=False) + "\n")


def read(run: Run) -> list[Alarm]:
    """The alarms of a run, in order; those that cannot be read are left out."""
    try:
        rows = json.loads((run.path / FILE).read_text(encoding="utf-8"))["alarms"]
        return [_alarm(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no numbers that are not finite."""
    return {**row, "loss": repr(row["loss"]), "samples": [(number, repr(loss)) for number, loss in row["samples"]]}


def _alarm(row: dict[str, Any]) -> Alarm:
    samples = [(int(number), float(loss)) for number, loss in row["samples"]]
    usual = None if row["usual"] is None else float(row["usual"])
    return Alarm(
        int(row["step"]), int(row["epoch"]), int(row["batch"]), float(row["lr"]), float(row["loss"]), usual,
        str(row["module"]), str(row["why"]), samples, bool(row["numbered"]),
    )  # fmt: skip
