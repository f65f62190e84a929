"""Interactive pages of graphs, each one self-contained file, and the look that all pages of the package share.

A page holds its scene as JSON, Graphviz as WebAssembly, and scripts that lay the graph out again when a module is
opened or closed.  Its security policy allows these scripts and nothing else: no request leaves the file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html as markup
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

_D3 = ("dispatch", "selection", "color", "interpolate", "timer", "ease", "transition", "drag", "zoom")  # in this order
_PARTS = ("graph.js", "canvas.js", "panel.js", "page.js", "hands.js")


@cache
def _asset(name: str) -> str:
    """The text of a file that lies beside this one."""
    return files(__package__).joinpath(*name.split("/")).read_text(encoding="utf-8")


def look() -> str:
    """The style sheet of every page: colours for light and dark, type, buttons, tables.  See the file for the names."""
    return _asset("look.css")


def html(scene_json: dict[str, Any], title: str) -> str:
    """An interactive page of a scene: one file, which needs no network and works from a disk or within an iframe.

    Parameters
    ----------
    scene_json : what `Scene.to_json()` returns.
    title : the page's heading.

    NaN and infinite numbers in the scene are shown as words.  Formulas are set as mathematics if latex2mathml is
    installed, else shown as plain text.
    """
    scene = _finite({**scene_json, "mathml": _mathml(scene_json)})
    libraries = _guarded("\n".join(_asset(f"vendor/d3-{part}.min.js") for part in _D3))
    script = _guarded('"use strict";\n(() => {\n' + "\n".join(map(_asset, _PARTS)) + "\n})();")
    return Template(_asset("page.html")).substitute(
        title=markup.escape(_encodable(title)),
        policy=_policy(libraries, script),
        style=look() + _asset("page.css"),
        scene=_json(scene),
        graphviz=_graphviz(),
        licences=markup.escape(_asset("vendor/LICENSES.txt"), quote=False),
        libraries=libraries,
        script=script,
    )


def _policy(*scripts: str) -> str:
    """The page's security policy: the scripts in it by their sums, Graphviz in a worker, and no request to anywhere."""
    sums = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {sums} 'wasm-unsafe-eval' blob:; worker-src blob:; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _guarded(script: str) -> str:
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("page.html: a script must not hold '</script' or '<!--', which would end it.")
    return script


@cache
def _graphviz() -> str:
    """Viz.js, packed: base64 of gzip takes half of the room and holds nothing that HTML could misread."""
    return base64.b64encode(gzip.compress(_asset("vendor/viz-global.js").encode(), mtime=0)).decode()


def _json(value: Any) -> str:
    """JSON that may stand inside a script element: no tag can begin in it, and no line end of JavaScript's."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _encodable(text)


def _encodable(text: str) -> str:
    """The text with ``?`` for half characters, which a name from a broken file may hold and no file can take."""
    return text.encode("utf-8", "replace").decode()


def _finite(value: Any) -> Any:
    """The same with NaN and infinities, which JSON lacks, as words."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return "NaN" if value != value else "infinity" if value > 0 else "-infinity"
    return value


def _mathml(scene_json: dict[str, Any]) -> dict[str, str]:
    """MathML for each formula in LaTeX that occurs; empty if the converter is not installed."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return {}
    made: dict[str, str] = {}
    for node in scene_json["nodes"]:
        for formula in node.get("details", {}).get("formulas") or []:
            latex = formula.get("latex")
            if latex and latex not in made:
                try:
                    made[latex] = convert(latex)
                except Exception:  # a formula that the converter does not know is shown as plain text
                    made[latex] = ""
    return {latex: text for latex, text in made.items() if text}
