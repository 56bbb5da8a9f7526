"""A page of HTML in one file: its style, its sections, its tables and its pictures."""

import re
from html import escape
from string import Template

from skimdb._utils._html import escape_text

PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
$style</head>
<body>
<header>
<h1>$title</h1>
$summary
<nav aria-label="Contents"><ul>$contents</ul></nav>
</header>
<main>
$sections
</main>
</body>
</html>
""")
STYLE = """\
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 25%, Canvas) }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: CanvasText; background: Canvas;
  font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }
h1, h2, h3 { line-height: 1.25; margin: 1.5em 0 .5em }
h1 { margin-top: .5em }
h2 { border-top: 1px solid var(--line); padding-top: 1em }
p, li { max-width: 60rem }
b { unicode-bidi: isolate }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none }
.scroll { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; min-width: min(100%, 26rem);
  font-variant-numeric: tabular-nums; overflow-wrap: normal }
caption { text-align: left; padding: .25rem 0 }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top }
th { font-weight: 600 }
th[scope=row] { min-width: 7rem; overflow-wrap: anywhere }
td.text { max-width: 36rem; min-width: 6rem; overflow-wrap: anywhere }
td.number, th.number { text-align: right; white-space: nowrap }
.figures { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0; flex: 0 1 30rem; min-width: 0 }
figure svg { width: 100%; height: auto }
figure svg * { stroke-linejoin: round }
svg text { fill: currentColor }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0;
  padding: .5rem 1rem }
summary { cursor: pointer }
@media print {
  body { max-width: none }
  nav { display: none }
  .scroll { overflow-x: visible }
  details::details-content { content-visibility: visible; block-size: auto }
  figure, tr, details { break-inside: avoid }
  h2, h3 { break-after: avoid }
}
</style>
"""


class Html(str):
    """A piece of HTML, which is not escaped again."""

    __slots__ = ()


def to_html(value):
    """Return a value as HTML: numbers in their digits, None as a dash, and texts escaped."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("&ndash;")
    if isinstance(value, int):
        return Html(f"{value:,}")
    if isinstance(value, float):
        return Html(f"{value:.4f}")
    return Html(escape_text(str(value)))


def make_page(title, summary, sections, more_style=""):
    """Return a page.

    Parameters
    ----------
    title : str
    summary : Html
        What stands above the table of contents.
    sections : dict of str to Html
        For each heading what stands below it.
    more_style : Html
        Style sheets of parts of the sections.
    """
    contents, parts = [], []
    for heading, body in sections.items():
        name = re.sub(r"\W+", "-", heading.lower())
        contents.append(f'<li><a href="#{name}">{escape(heading)}</a></li>')
        parts.append(f'<section id="{name}">\n<h2>{escape(heading)}</h2>\n{body}\n</section>')
    return PAGE.substitute(
        title=to_html(title),
        style=STYLE + more_style,
        summary=summary,
        contents="".join(contents),
        sections="\n".join(parts),
    )


def make_paragraph(text):
    """Return a paragraph."""
    return Html(f"<p>{to_html(text)}</p>")


def make_table(caption, names, rows, *, n_texts=1):
    """Return a table that scrolls by itself where it is too wide.

    The first columns hold texts, the first of them a heading for its row; the others hold numbers.
    A value may be a tuple of Html and a style for its cell.
    """
    kinds = ["text" if i < n_texts else "number" for i in range(len(names))]
    head = "".join(
        f'<th scope="col" class="{kind}">{to_html(name)}</th>'
        for kind, name in zip(kinds, names, strict=True)
    )
    body = []
    for first, *values in rows:
        cells = [f'<th scope="row">{to_html(first)}</th>']
        cells += [_make_cell(kind, value) for kind, value in zip(kinds[1:], values, strict=True)]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return Html(
        f'<div class="scroll" role="group" tabindex="0" aria-label="{to_html(caption)}"><table>'
        f"<caption>{to_html(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>"
        + "\n".join(body)
        + "</tbody></table></div>"
    )


def make_figures(pictures):
    """Return pictures side by side; ``pictures`` has the SVG for each description."""
    figures = []
    for about, svg in pictures.items():
        start = f'<svg role="img" aria-label="{to_html(about)}"'
        caption = f"<figcaption>{to_html(about)}</figcaption>"
        figures.append(f"<figure>{svg.replace('<svg', start, 1)}{caption}</figure>")
    return Html(f'<div class="figures">{"".join(figures)}</div>')


def _make_cell(kind, value):
    value, style = value if isinstance(value, tuple) else (value, "")
    style = f' style="{style}"' if style else ""
    return f'<td class="{kind}"{style}>{to_html(value)}</td>'
