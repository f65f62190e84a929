"""All tests of `sanity` on one model, and the verdict in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Whole, Wholes
from ..autodiff.numbers import whole, wholes
from ..core import no_grad
from ..nn import Module
from .sanity import (
    Finding,
    SanityError,
    _check_module,
    check_forward,
    check_gradients,
    check_independence,
    check_overfit,
    check_start_loss,
    preserved,
)

BATCH = 8


@dataclass
class Report:
    """What the doctor found; `ok` if the model can be trained."""

    title: str
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # tests that make no sense after a failure

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def __str__(self) -> str:
        lines = [self.title]
        for finding in self.findings:
            mark = "FAILED" if not finding.ok else "look" if finding.remedy else "ok"
            lines.append(f"  {mark:<6}  {finding.name:<13}  {finding.text}")
            if finding.remedy:
                lines.append(f"  {'':<6}  {'':<13}  -> {finding.remedy}")
        lines += [f"  {'-':<6}  {name:<13}  not tried" for name in self.left_out]
        failed = sum(not finding.ok for finding in self.findings)
        verdict = f"{failed} of {len(self.findings)} tests failed." if failed else "healthy: it can be trained."
        return "\n".join([*lines, f"verdict: {verdict}"])


@named
def doctor(
    model: Module, input_shape: Wholes, classes: Whole, *, steps: Whole = 100, seed: Whole = 0
) -> Report:
    """Test a classifier on random inputs and labels: forward, loss at start, gradients, independence, overfitting.

    Of a model that classifies every place of an image, all places of one have one label.

    Parameters
    ----------
    model : takes ``(N, *input_shape)``, gives logits (N, ..., classes); it is left as it was.
    input_shape : of one sample, as (H, W, C).
    steps : of the attempt to learn one batch by heart, per step size.

    Examples
    --------
    >>> print(tg.doctor(model, (8, 8, 1), 10))
    Sequential, 35,914 parameters, on 8 random inputs of 8x8x1, 10 classes
      ok      forward        (8, 8, 8, 1) -> (8, 10), all finite.
      ok      loss at start  2.26..., where log(10) = 2.303.
      ok      gradients      8 of 8 parameters.
      ok      independence   each of 8 outputs depends on its own sample only.
      ok      overfit        loss 2.2... -> 0... after ... steps of Adam with lr=0.001.
    verdict: healthy: it can be trained.
    """
    _check_module(model)
    shape = wholes("doctor", "input_shape", input_shape, form="the shape of one sample, as in (28, 28, 1)")
    classes, steps = whole("doctor", "classes", classes, 2), whole("doctor", "steps", steps)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((BATCH, *shape)).astype(np.float32)
    classes_of = rng.permutation(np.arange(BATCH) % classes)
    size = "x".join(map(str, shape))
    report = Report(
        f"{type(model).__name__}, {model.num_parameters():,} parameters, on {BATCH} random inputs of {size}, "
        f"{classes} classes"
    )

    def labels() -> np.ndarray:
        with preserved(model), no_grad():
            places = model(x).shape[1:-1]
        return np.broadcast_to(classes_of.reshape(BATCH, *[1 for _ in places]), (BATCH, *places))

    tests: list[tuple[str, Callable[[], Any]]] = [
        ("forward", lambda: check_forward(model, x, classes)),
        ("loss at start", lambda: check_start_loss(model, x, labels())),
        ("gradients", lambda: check_gradients(model, x, labels())),
        ("independence", lambda: check_independence(model, x)),
        ("overfit", lambda: check_overfit(model, x, labels(), steps=steps)),
    ]
    for k, (name, test) in enumerate(tests):
        try:
            report.findings.append(test())
        except SanityError as error:
            report.findings.append(error.finding)
        except Exception as error:  # the user's model may raise anything: that is a finding
            report.findings.append(Finding(name, False, f"{type(error).__name__}: {error}", "The model raised this."))
        if k == 0 and not report.ok:
            report.left_out = [other for other, _ in tests[1:]]
            break
    return report
