"""Writes every page whose code runs as a Jupyter notebook, to be downloaded: notebooks/NAME.ipynb beside the pages.

The code cells are those of the page. Its text is MyST, of which Jupyter knows Markdown and formulas only: roles,
directives and labels are put into these. The same page always gives the same file.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import nbformat
from docutils.parsers.rst import Directive
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser
from sphinx.directives.code import LiteralIncludeReader
from sphinx.util import logging

from tinygrad_edu import __version__

INSTALL = 'pip install ".[docs-examples]"'
HIDDEN = {"remove-cell", "remove-input"}  # tags of code that a page does not show
EXTENSIONS = {"amsmath", "colon_fence", "deflist", "dollarmath"}  # as in conf.py

BOXES = ["note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "error", "seealso"]
BOXES += ["admonition", "dropdown", "topic"]
DROPPED = ["index", "toctree", "contents", "raw", "only", "eval-rst"]  # what only a built page can show
FRAMES = ["div", "container", "class", "rst-class", "grid", "grid-item", "grid-item-card", "card", "table", "epigraph"]

# What stands in a line of text, in the order in which it is looked for.
INLINE = re.compile(
    r"\{(?P<role>[\w:+-]+)\}(?P<quote>`+)(?P<body>.+?)(?P=quote)(?!`)"
    r"|(?P<code>(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<math>(?<![\\\w$])\$(?!\s)[^$]+?(?<!\s)\$)"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]`]|`[^`]*`|\[[^\]]*\])*)\]\((?P<target>[^()\s]*)\)",
    re.DOTALL,
)
logger = logging.getLogger(__name__)


class _AnyDirective(Directive):
    """What a directive may look like, for reading its options whichever it is."""

    option_spec: ClassVar[dict[str, Any]] = {"any": str}  # an empty one would mean that there are none
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True


@dataclass
class Links:
    """What a page refers to. Without Sphinx, nothing is known, and the text of a reference is all that is left."""

    slugs: dict[str, str] = field(default_factory=dict)  # the heading on this page that an anchor stands for
    title: Callable[[str, str], str | None] = lambda role, target: None  # of another page, or of a label
    address: Callable[[str], str | None] = lambda target: None  # of another page, where the pages are published


@dataclass
class Converter:
    """Turns the MyST of a page into Markdown that Jupyter and GitHub show."""

    folder: Path  # what paths on the page are relative to
    root: Path
    links: Links = field(default_factory=Links)
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)

    def markdown(self, text: str) -> str:
        """A piece of a page."""
        lines = text.splitlines()
        out: list[str] = []
        plain = 0  # the first line that is not written yet
        for start, end, block in self._blocks(text):
            if start < plain:
                continue  # inside a block that is done
            out += self._inline("\n".join(lines[plain:start])).split("\n") if start > plain else []
            out += block if block is not None else lines[start:end]
            plain = end
        if plain < len(lines):
            out += self._inline("\n".join(lines[plain:])).split("\n")
        return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n")

    def _blocks(self, text: str) -> list[tuple[int, int, list[str] | None]]:
        """What is not lines of text: where it stands, and what becomes of it (None: it stays)."""
        config = MdParserConfig(enable_extensions=EXTENSIONS, disable_syntax=["inline"])
        found: list[tuple[int, int, list[str] | None]] = []
        lines = text.splitlines()
        for token in create_md_parser(config, _Renderer).parse(text + "\n"):
            if token.map is None:
                continue
            start, end = token.map[0], max(token.map[1], token.map[0] + 1)
            directive = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info) if token.type.endswith("fence") else None
            if directive:
                indent = re.match(r"[\s>]*", lines[start])[0]  # type: ignore[index]
                body = self._directive(directive[1], directive[2], token.content)
                found.append((start, end, [f"{indent}{line}".rstrip() for line in body]))
            elif token.type in ("myst_target", "myst_line_comment", "myst_block_break"):
                found.append((start, end, []))
            elif token.type in ("fence", "code_block", "math_block", "math_block_label", "amsmath", "html_block"):
                found.append((start, end, None))
            elif token.type == "dt_open":
                found.append((start, end, [f"**{self._inline(' '.join(lines[start:end]))}**", ""]))
            elif token.type == "dd_open":
                body = "\n".join(line[2:] if line.startswith((": ", "  ")) else line for line in lines[start:end])
                found.append((start, end, [*self.markdown(body).split("\n"), ""]))
        return found

    def _directive(self, name: str, argument: str, content: str) -> list[str]:
        """A directive as lines of Markdown."""
        parsed = parse_directive_text(_AnyDirective, argument, content, validate_options=False)
        options = {key: str(value or "").strip("\"'") for key, value in parsed.options.items()}
        body = "\n".join(parsed.body)
        if name in DROPPED:
            return []
        if name in ("code-block", "code", "sourcecode"):
            return [f"```{argument}", *parsed.body, "```"]
        if name == "literalinclude":
            return self._source(argument, options)
        if name == "include":
            return self._included(argument, options)
        if name == "math":
            return ["$$", *parsed.body, "$$"]
        if name in ("image", "figure"):
            picture = self._picture(options.get("alt", ""), argument)
            return [picture, "", *self.markdown(body).split("\n")] if body else [picture]
        if name in BOXES:
            title = self._inline(argument) or {"seealso": "See also"}.get(name, name.capitalize())
            return [f"> **{title}**", ">", *[f"> {line}".rstrip() for line in self.markdown(body).split("\n")]]
        if name not in FRAMES:
            logger.warning("a notebook cannot show the directive %r", name, type="notebooks")
        return [*([f"**{self._inline(argument)}**", ""] if argument else []), *self.markdown(body).split("\n")]

    def _source(self, path: str, options: dict[str, Any]) -> list[str]:
        """Lines of a source file, chosen as Sphinx does."""
        text, _ = LiteralIncludeReader(str(self._place(path)), options, _SphinxConfig()).read()
        return [f"```{options.get('language', 'python')}", *text.rstrip("\n").split("\n"), "```"]

    def _included(self, path: str, options: dict[str, Any]) -> list[str]:
        """A part of another page."""
        place = self._place(path)
        text = place.read_text(encoding="utf-8")
        if "start-after" in options:
            text = text.partition(options["start-after"])[2]
        if "end-before" in options:
            text = text.partition(options["end-before"])[0]
        lines = text.splitlines()[int(options.get("start-line", 0)) :]
        if "end-line" in options:
            lines = lines[: int(options["end-line"]) - int(options.get("start-line", 0))]
        other = Converter(place.parent, self.root, self.links, self.attachments)
        return other.markdown("\n".join(lines)).split("\n")

    def _place(self, path: str) -> Path:
        return self.root / path[1:] if path.startswith("/") else self.folder / path

    def _inline(self, text: str) -> str:
        """Lines of text: roles, links and pictures in them."""
        return INLINE.sub(self._replaced, text)

    def _replaced(self, match: re.Match[str]) -> str:
        if match["role"]:
            return self._role(match["role"].split(":")[-1], match["body"])
        if match["code"] or match["math"]:
            return match[0]
        if match["image"]:
            return self._picture(match["text"], match["target"])
        return self._link(self._inline(match["text"]), match["target"])

    def _role(self, name: str, body: str) -> str:
        """A role: its text, as a link where that leads somewhere."""
        titled = re.fullmatch(r"(.*?)\s*<([^<>]+)>", body, re.DOTALL)
        text, target = (titled[1], titled[2]) if titled else (body, body)
        if name == "math":
            return f"${body}$"
        if name in ("doc", "ref", "any", "numref"):
            title = text if titled else self.links.title(name, target) or target.rpartition("/")[2]
            return self._link(title, f"{target}.md" if name == "doc" else f"#{target}")
        if name in ("term", "abbr", "index", "dfn", "sub", "sup", "pep", "rfc", "kbd", "guilabel", "download"):
            return text
        return f"`{text.rpartition('.')[2] if text.startswith('~') else text}`"  # a name in the code

    def _link(self, text: str, target: str) -> str:
        """A link that leads somewhere from where the notebook may be; otherwise its text."""
        if re.match(r"[a-z]+:", target):
            return f"[{text}]({target})"
        if target.startswith("#"):
            heading = self.links.slugs.get(target[1:])
            text = text or heading or target[1:]
            return f"[{text}](#{heading.replace(' ', '-')})" if heading else text
        address = self.links.address(target)
        text = text or self.links.title("doc", target.partition("#")[0].removesuffix(".md")) or target
        return f"[{text}]({address})" if address else text

    def _picture(self, alt: str, target: str) -> str:
        """A picture that the notebook carries with it."""
        if re.match(r"[a-z]+:", target):
            return f"![{alt}]({target})"
        place = self._place(unquote(target))
        kind = mimetypes.guess_type(place.name)[0] or "application/octet-stream"
        self.attachments[place.name] = {kind: base64.b64encode(place.read_bytes()).decode()}
        return f"![{alt}](attachment:{place.name})"


class _Renderer:
    """What the parser wants for turning tokens into text, which nobody asks of it here."""

    __output__ = "none"

    def __init__(self, parser: Any) -> None:
        self.rules: dict[str, Any] = {}


class _SphinxConfig:
    """The one setting that is read when source files are included."""

    source_encoding = "utf-8"


def notebook(text: str, name: str, folder: Path, root: Path, links: Links | None = None) -> nbformat.NotebookNode:
    """The page `text` as a notebook; `folder` is where the page lies, `root` that of all pages."""
    page = read_myst_markdown_notebook(text, MdParserConfig(enable_extensions=EXTENSIONS))
    title = next((m[1] for c in page.cells if (m := re.search(r"^# (.+)$", c.source, re.MULTILINE))), name)
    cells = [
        nbformat.v4.new_markdown_cell(
            f"This is the page *{title}* of the documentation of tinygrad_edu {__version__}. To run its code, install "
            f"the package and what the pages use, in a checkout of the repository:\n\n```sh\n{INSTALL}\n```"
        )
    ]
    for cell in page.cells:
        if cell.cell_type == "code":
            tags = _tags(cell)
            cells.append(nbformat.v4.new_code_cell(cell.source, metadata={"tags": tags} if tags else {}))
            continue
        converter = Converter(folder, root, links or Links())
        source = converter.markdown(cell.source)
        if source:
            attachments = {"attachments": converter.attachments} if converter.attachments else {}
            cells.append(nbformat.v4.new_markdown_cell(source, **attachments))
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}, "title": title}
    )


def has_notebook(text: str) -> bool:
    """Whether a page has code that runs, all of which is shown."""
    if not is_myst_markdown_notebook(text):
        return False
    page = read_myst_markdown_notebook(text, MdParserConfig(enable_extensions=EXTENSIONS))
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    return bool(code) and not any(_is_hidden(cell, page.metadata) for cell in code)


def _is_hidden(cell: nbformat.NotebookNode, page: nbformat.NotebookNode) -> bool:
    tags = {tag.replace("_", "-") for tag in _tags(cell)}
    off = [options["mystnb"].get("remove_code_source") for options in (page, cell.metadata) if "mystnb" in options]
    return bool(HIDDEN & tags) or any(off)


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags", [])
    return [tags] if isinstance(tags, str) else list(tags)


def page_links(app: Any, docname: str) -> Links:
    """What Sphinx knows of the targets of a page."""
    env, base = app.env, app.config.html_baseurl
    labels = env.domains.standard_domain.labels
    slugs = {slug: text for slug, (_, _, text) in env.metadata[docname].get("myst_slugs", {}).items()}
    slugs |= {label: text for label, (page, _, text) in labels.items() if page == docname}

    def title(role: str, target: str) -> str | None:
        if role != "doc":
            return labels[target][2] if target in labels else None
        page = env.relfn2path(target, docname)[0]
        return env.titles[page].astext() if page in env.titles else None

    def address(target: str) -> str | None:
        if not base:
            return None
        path, _, fragment = target.partition("#")
        page = env.relfn2path(path.removesuffix(".md"), docname)[0]
        return f"{base.rstrip('/')}/{page}.html{'#' * bool(fragment)}{fragment}" if page in env.titles else None

    return Links(slugs, title, address)


def find(app: Any, env: Any) -> None:
    """Note which pages get a notebook, before the first of them is written."""
    app.notebook_pages = {
        name: text
        for name in env.found_docs
        if str(env.doc2path(name)).endswith(".md")
        and has_notebook(text := Path(env.doc2path(name)).read_text(encoding="utf-8"))
    }


def write(app: Any, exception: Exception | None) -> None:
    """Write the notebooks (at the end of a build)."""
    if exception or app.builder.format != "html":
        return
    root = Path(app.srcdir)
    for name, text in app.notebook_pages.items():
        place = Path(app.outdir) / "notebooks" / f"{name}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        made = notebook(text, name, (root / name).parent, root, page_links(app, name))
        nbformat.validate(made)
        place.write_text(nbformat.writes(made) + "\n", encoding="utf-8")


def offer(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put the link below the title of a page; the first page is a way in, and not one to be run."""
    if name in app.notebook_pages and name != app.config.root_doc and "body" in context:
        address = context["pathto"](f"notebooks/{name}.ipynb", 1)
        link = f'<p class="notebook"><a href="{address}" download>Download this page as a notebook</a></p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{link}", 1)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx through conf.py."""
    app.notebook_pages = {}
    app.connect("env-updated", find)
    app.connect("html-page-context", offer)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
