"""How the site is built: ``sphinx-build -W -b html docs docs/_build/html``, without any network.

The examples run while it is built; they become pages with their pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE)]  # not the clone: its sources would hide an installation with kernels

import gallery  # noqa: E402  (docs/_ext)

import tinygrad_cnn  # noqa: E402

project = "tinygrad_cnn"
author = copyright = "the tinygrad_cnn developers"
version = release = tinygrad_cnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",  # docs/_ext
    "reference",  # docs/_ext
]
exclude_patterns = ["_build", "_ext", "_templates", "changes", "course", "from_scratch", "**/*.ipynb", "**/*.py"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
nitpicky = False
default_role = "code"

html_theme = "furo"
html_title = "tinygrad_cnn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions, which no cache can keep


autodoc_inherit_docstrings = False  # what a method does everywhere is said once, in its base class
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and types stand in the text
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = gallery.settings(HERE)
