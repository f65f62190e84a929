"""A page that shows a training while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from ..autodiff.numbers import whole
from ..insight.numbers import duration
from ..train.history import History, Row
from ..train.run_folder import REPORT, Run
from ..train.training import Training
from .rendering import render
from .report import sections as parts
from .report.facts import Facts, read_history
from .server import Refused, Request, Response, Server, json_response

PATIENCE = 3.0  # seconds without a question after which nobody is looking
# what the finished report needs: its graph is a page in a frame, which computes with WebAssembly
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob: data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src data: blob:; worker-src blob: data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class Live:
    """Serves the state of a training on 127.0.0.1, at a free port, from a thread of its own.

    ::

        with Live(run) as live:
            print(live.url)
            fit(model, data, run=run, epochs=10, callbacks=[live])
            report(run)
            live.finish()

    It reads what it is told and touches neither the network nor any file, so the training computes the same bits.
    When training is over, the page goes on to the run's report.
    """

    def __init__(self, run: Run, epochs: int | None = None, *, about: str = "") -> None:
        self.run, self.about = run, about
        self.epochs = None if epochs is None else whole("Live", "epochs", epochs)  # `fit` says how many there are
        self._rows: list[Row] = list(read_history(run))
        self._now: Row | None = None  # of the epoch under way
        self._done = False
        self._asked = -math.inf  # when a page asked last
        self._fetched = False
        self._server = Server({
            ("GET", "/"): self._page, ("GET", "/state.json"): self._state, ("GET", f"/{REPORT}"): self._report,
        })  # fmt: skip
        self._page(None)  # a missing library is told before the training begins
        self.url = self._server.url

    def __enter__(self) -> Live:
        self._server.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.stop()

    def expect(self) -> None:
        """A browser was asked to open the page: a short training waits for it at its end."""
        self._asked = time.monotonic()

    def on_start(self, training: Training) -> None:
        """Take over how many epochs there are."""
        self.epochs = training.epochs

    def on_step(self, training: Training | Row) -> None:
        """Take the row of the epoch under way, from a `Training`, or, as before there was one, itself."""
        if isinstance(training, Mapping):
            self._now = training
        else:
            self._now = {**training.row, "share": training.share}

    def on_epoch(self, training: Training | Row) -> None:
        """Take the row of an epoch that is over."""
        self._now = None
        self._rows.append(training if isinstance(training, Mapping) else training.row)

    def finish(self) -> None:
        """Training is over and its report written: wait until a page that looks on has it, for seconds at most."""
        self._done = True
        latest = time.monotonic() + 2 * PATIENCE
        while not self._fetched and time.monotonic() < min(self._asked + PATIENCE, latest):
            time.sleep(0.02)
        if self._fetched:
            time.sleep(0.5)  # until the browser has read it

    # -- what the page gets -----------------------------------------------------------------------------------

    def _page(self, _: Request | None) -> Response:
        return Response(render("live.html.jinja", name=self.run.path.resolve().name, about=self.about))

    def _state(self, _: Request) -> Response:
        self._asked = time.monotonic()
        rows, now = list(self._rows), self._now
        over = len(rows) + (now["share"] if now else 0.0)
        return json_response({
            "done": self._done and (self.run.path / REPORT).exists(),
            "share": min(1.0, over / self.epochs) if self.epochs else 0.0,
            "words": self._words(rows, now), "body": self._body(rows, now),
        })  # fmt: skip

    def _words(self, rows: list[Row], now: Row | None) -> str:
        if self._done:
            return f"finished after {len(rows)} epochs"
        if now is None or self.epochs is None:
            return f"epoch {len(rows)} of {self.epochs} is over" if rows else "training begins"
        return f"epoch {int(now['epoch'])} of {self.epochs}, {now['share']:.0%} of it"

    def _body(self, rows: list[Row], now: Row | None) -> str:
        """Numbers and charts, with the epoch under way as the last point of its lines."""
        drawn = [dict(row) for row in rows]
        if now is not None:
            told = {name: value for name, value in now.items() if name not in ("share", "seconds", "step")}
            drawn.append({**told, "epoch": now["epoch"] - 1 + now["share"]})
        facts = Facts(self.run, "", History(drawn), [])
        numbers = [(f"{name} so far", text) for name, text in _so_far(now)]
        ended = Facts(self.run, "", History(rows), [])
        numbers += [one for one in parts.headline(ended) if one[0] != "time to train"]
        left = self._left(rows, now)
        return render("live_body.html.jinja", numbers=[*numbers, *left], charts=parts.charts(facts))

    def _left(self, rows: list[Row], now: Row | None) -> list[tuple[str, str]]:
        """How long it will take, from the epochs so far."""
        done = len(rows) + (now["share"] if now else 0.0)
        spent = sum(row.get("seconds", 0.0) for row in [*rows, *([now] if now else [])])
        if self._done or self.epochs is None or done < 0.05 or not math.isfinite(spent):
            return []
        return [("time left, about", duration(max(0.0, spent / done * (self.epochs - done))))]

    def _report(self, _: Request) -> Response:
        self._asked = time.monotonic()
        page = self.run.path / REPORT
        if page.is_symlink():  # in a run that came from somebody else it may lead to any file of this user
            raise Refused(404, f"{REPORT} is a symbolic link, which is not served. It is replaced when training ends.")
        if not page.is_file():
            raise Refused(404, f"{REPORT} is not written yet; it comes when training ends.")
        text = page.read_bytes()
        self._fetched = True
        return Response(text, headers={"Content-Security-Policy": REPORT_POLICY})


def _so_far(now: Row | None) -> list[tuple[str, str]]:
    if now is None:
        return []
    shown = [("loss", f"{now['loss']:.4f}")]
    return shown + ([("accuracy", f"{now['accuracy']:.2%}")] if "accuracy" in now else [])
