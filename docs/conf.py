"""Sphinx configuration. Pages are MyST Markdown; their code cells run at every build."""

import os
import sys
from pathlib import Path

from tinygrad_edu import __version__

sys.path.insert(0, str(Path(__file__).parent))  # the extensions beside this file

from _svg import DARK, LIGHT, variables

project = "tinygrad_edu"
author = "The tinygrad_edu authors"
copyright = "2026, The tinygrad_edu authors"
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "_backlinks",  # from the sources to the reference
    "_figures",  # one style, colours of the theme, and no figure without an alternative text
    "_math",  # formulas without a script
    "_notebooks",  # pages to be downloaded
    "_reference",  # writes api/generated
]
exclude_patterns = ["_build", "jupyter_execute"]

# Pages with code: run always, as a reader would run them: in an empty folder, and with the commands that pip has
# installed on the PATH. A cell that fails fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = True
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_mime_priority_overrides = [("html", "image/svg+xml", 5)]  # before text/html: see _figures
nb_render_markdown_format = "myst"  # for tables that a cell displays
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The reference is made from the docstrings and the annotations.
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    name: name for name in ("Array", "Axes", "DType", "Group", "Operand", "Params", "Shape", "State")
}
default_role = "code"
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 100

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_search_scorer = str(Path(__file__).with_name("_search.js"))
html_theme = "furo"
html_theme_options = {"light_css_variables": variables(LIGHT), "dark_css_variables": variables(DARK)}
html_title = f"tinygrad_edu {release}"
copybutton_exclude = ".linenos, .gp, .go"
