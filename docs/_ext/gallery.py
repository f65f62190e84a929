"""The gallery: examples and chapters run when the site is built, on small settings, and their pictures are kept."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper


def settings(docs: Path) -> dict[str, Any]:
    """What sphinx-gallery is told."""
    return {
        "examples_dirs": [str(docs / "course"), str(docs.parent / "examples"), str(docs / "from_scratch")],
        "gallery_dirs": ["chapters", "gallery", "engine"],
        # shown, but not run: processes that are started afresh would import sphinx in the place of the example
        "filename_pattern": r"(?<!train_in_processes)\.py$",
        "ignore_pattern": r"(^|/)_[^/]*\.py$",
        "within_subsection_order": InOrder,
        "image_scrapers": (Pictures(), Charts()),
        "matplotlib_animations": (True, "jshtml"),
        "capture_repr": (),
        "reset_argv": arguments,
        "reset_modules": ("matplotlib", forget),
        "abort_on_example_error": True,
        "only_warn_on_example_error": False,
        "download_all_examples": False,
        "remove_config_comments": True,
        "show_memory": False,
        "min_reported_time": 10,
        "parallel": False,
        "write_computation_times": False,
    }


ORDER = (  # of the examples: pictures read, pictures made, other ways to learn; then the framework itself
    "classify_cat", "classify_fashion", "detect_faces", "detect_shapes", "style_transfer", "segment_cells",
    "vae_digits", "dcgan_digits", "wgan_gp_digits", "ddpm_digits", "super_resolution",
    "vit_digits", "gpt_docs", "siamese_digits", "pinn_burgers", "maml_sine",
    "tensor_expressions", "train_digits", "train_in_processes", "train_in_onnxruntime", "fine_tune_onnx",
    "check_my_op", "draw_a_graph", "graphs",
)  # fmt: skip


class InOrder:
    """Where an example stands in the gallery: as in ORDER, and after that, like the chapters, by its name."""

    def __init__(self, _folder: str) -> None:
        pass

    def __call__(self, file: str) -> tuple[int, str]:
        name = Path(file).stem
        return (ORDER.index(name) if name in ORDER else len(ORDER)), name


WRITTEN = {  # else beside the examples
    "draw_a_graph.py": "graph.svg", "train_digits.py": "digits.safetensors", "train_in_onnxruntime.py": "step.onnx",
    "fine_tune_onnx.py": "digits_direction.onnx",
}  # fmt: skip


def arguments(_gallery: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Each example runs as without options, which is its small setting; what it writes goes to a temporary folder."""
    name = WRITTEN.get(Path(script["src_file"]).name)
    return [str(Path(tempfile.mkdtemp()) / name)] if name else []


def forget(_gallery: dict[str, Any], _script: Path) -> None:
    """Between two examples: no figure stays open, and no working folder of theirs."""
    Pictures.seen.clear()


class Charts:
    """What pyplot drew, as SVG files that a teacher can use again."""

    def __repr__(self) -> str:  # a part of the settings that sphinx compares between builds
        return "Charts()"

    def __call__(self, block: Any, block_vars: dict[str, Any], conf: dict[str, Any], **more: Any) -> str:
        page = str(matplotlib_scraper(block, block_vars, conf, format="svg", **more))
        return re.sub(r"<link[^>]*font-awesome[^>]*>", "", page)  # no network: site.css draws the player's buttons


class Pictures:
    """What a block bound to a name: graphs that were drawn, and Figures that pyplot does not know."""

    seen: list[Any] = []  # held, so that no other object gets their place in memory

    def __repr__(self) -> str:
        return "Pictures()"

    def __call__(self, block: Any, block_vars: dict[str, Any], conf: dict[str, Any], **_: Any) -> str:
        from matplotlib.figure import Figure

        from tinygrad_cnn.graphs import Drawing

        paths = []
        for value in list(block_vars["example_globals"].values()):
            if not isinstance(value, (Figure, Drawing)) or any(value is one for one in self.seen):
                continue
            self.seen.append(value)
            if isinstance(value, Figure) and value.canvas.manager is not None:
                continue  # pyplot's, which are kept already
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(".svg")
            (value.render if isinstance(value, Drawing) else value.savefig)(path)
            paths.append(str(path))
        return str(figure_rst(paths, conf["src_dir"])) if paths else ""
