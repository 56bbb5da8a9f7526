"""Settings of Sphinx for the site: ``sphinx-build -W docs site``. No network is needed."""

import os
import re
import sys
from pathlib import Path

import skimdb

# the API page of KerasClassifier imports TensorFlow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skimdb"
author = "The skimdb developers"
project_copyright = author
version = release = skimdb.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "command_line",
    "public_names",
]
# the gallery writes pages from the examples; other files of the gallery are for downloading
exclude_patterns = ["_build", "examples", "auto_examples/*.ipynb", "auto_examples/*.py"]
nitpicky = True
# other packages have sites of their own, which a build without network can't link to
nitpick_ignore_regex = [
    (r"py:.*", r"(sklearn|keras|scikeras|numpy|np|matplotlib|pandas|pathlib|scipy|joblib)\b.*"),
]

# attributes without a trailing underscore, which numpydoc links to pages that they don't have
nitpick_ignore = [("py:obj", "current_epoch"), ("py:obj", "initialized_")]

templates_path = ["_templates"]
autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
# the sections that users rely on: parameters all there and none else, what is returned, a summary
numpydoc_validation_checks = {
    "GL03", "GL08", "PR01", "PR02", "PR03", "PR05", "PR07", "RT01", "SS01", "SS03",
}  # fmt: skip

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "api/generated/examples",
    "doc_module": ("skimdb",),
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1000,
}

html_theme = "pydata_sphinx_theme"
html_title = "skimdb"
html_static_path = ["_static"]
html_css_files = ["skimdb.css"]
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "installation": []}


def escape_trailing_underscores(app, what, name, obj, options, lines):
    """Keep docutils from reading a type such as ``(n_features_in_,)`` as a link."""
    for i, line in enumerate(lines):
        before, colon, kind = line.partition(" : ")
        lines[i] = before + colon + re.sub(r"(?<=\w)_(?=[,)])", r"\_", kind)


def setup(app):
    # before numpydoc, which has the priority 500
    app.connect("autodoc-process-docstring", escape_trailing_underscores, priority=400)
