"""How each kind of box looks.

Kinds differ in outline as well as in colour, so that a grey print tells them apart; the colours are light tints with
dark borders from the palette of Okabe and Ito, which the colour-blind tell apart.
"""

from __future__ import annotations

from . import scale

FONT = "Helvetica"  # the one sans-serif family whose widths every renderer knows
BLUE, ORANGE, GREEN, VERMILION, BLACK, GREY = "#0072B2", "#B37400", "#00805C", "#C04E00", "#222222", "#777777"
PURPLE = "#8E4A74"
SOFT, LINE, LIGHT_GREY = "#444444", "#555555", "#AAAAAA"  # greys: of small words, of arrows, of what stays behind
PALE_BLUE, PALE_PURPLE, PALE_VERMILION = "#C9E0F2", "#F6E7F0", "#FCE0CF"  # fills

GRAPH = {"bgcolor": "white", "fontname": FONT, "nodesep": "0.25", "ranksep": "0.3", "pad": "0.15"}
NODE = {
    "shape": "box", "style": "rounded,filled", "fillcolor": "#E5F1FA", "color": BLUE,
    "fontname": FONT, "fontsize": "13", "fontcolor": scale.TEXT, "margin": "0.13,0.07", "height": "0.3",
}  # fmt: skip
EDGE = {"fontname": FONT, "fontsize": "11", "fontcolor": SOFT, "color": LINE, "arrowsize": "0.7"}

LOOKS: dict[str, dict[str, str]] = {  # beside NODE, which is an op
    "op": {},
    "module": {"fillcolor": PALE_BLUE, "penwidth": "2"},
    "run": {"fillcolor": PALE_BLUE, "penwidth": "2", "style": "rounded,filled,dashed"},
    "parameter": {"style": "filled", "fillcolor": "#FDF1D8", "color": ORANGE},
    "input": {"shape": "ellipse", "margin": "0.03", "fillcolor": "#DDF3EB", "color": GREEN, "penwidth": "1.6"},
    "constant": {"style": "filled,dotted", "fillcolor": "#F5F5F5", "color": GREY},
    "cut": {"shape": "octagon", "style": "filled,dashed", "fillcolor": "#FCE9DD", "color": VERMILION},
    "output": {"shape": "ellipse", "margin": "0.05", "fillcolor": "#FFFFFF", "color": BLACK, "penwidth": "2.2"},
    "failed": {"style": "filled", "fillcolor": PALE_VERMILION, "color": VERMILION, "penwidth": "4"},
    "gradient": {"shape": "ellipse", "margin": "0.05", "fillcolor": PALE_PURPLE, "color": PURPLE, "penwidth": "1.6"},
    "back": {"fillcolor": PALE_PURPLE, "color": PURPLE},
    "found": {"fillcolor": "#E6BFD6", "color": PURPLE, "penwidth": "2"},  # an op whose result is a leaf's gradient
    "saved": {"style": "rounded,filled,dotted", "margin": "0.12,0.03", "height": "0.2", "fillcolor": "#FFFFFF"},
}
CHANGES: dict[str, dict[str, str]] = {
    "added": {"fillcolor": "#CFEFE2", "color": GREEN, "penwidth": "2.6"},
    "removed": {"fillcolor": PALE_VERMILION, "color": VERMILION, "penwidth": "2.6", "style": "filled,dashed"},
    "changed": {"fillcolor": "#FCE6BC", "color": ORANGE, "penwidth": "2.6"},
    "same": {"fillcolor": "#F7F7F7", "color": LIGHT_GREY, "fontcolor": "#666666"},
}
SIGNS = {"added": "+", "removed": "\N{MINUS SIGN}", "changed": "~"}
ARROWS = {"added": {"color": GREEN, "penwidth": "2"}, "removed": {"color": VERMILION, "style": "dashed"},
          "same": {"color": LIGHT_GREY}}  # fmt: skip
STRAIGHT = "8"  # how hard a path of results is pulled straight; what hangs beside it has 1
CUT_EDGE = {"style": "dashed", "color": VERMILION}
WARNED = {"color": VERMILION, "penwidth": "3"}


def frame(level: int) -> dict[str, str]:
    """The look of a module's frame, whose fill tells it from the frame around it."""
    return {
        "labeljust": "l", "fontsize": "11", "fontcolor": LINE, "style": "rounded,filled",
        "fillcolor": "#F6F6F6" if level % 2 else "#ECECEC", "color": LIGHT_GREY, "margin": "9",
    }  # fmt: skip
