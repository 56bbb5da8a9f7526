"""The directive ``command-line``: the reference of the commands, from their own help."""

import re
from inspect import cleandoc

import typer
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from skimdb._cli import app

EXAMPLES = "\b\nExamples:\n"


class CommandLine(SphinxDirective):
    """A section for each command: its use, its text, its options with their defaults."""

    def run(self):
        group = typer.main.get_command(app)
        context = typer.Context(group, info_name="skimdb")
        sections = []
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            sections.append(self._section(command, typer.Context(command, context, name)))
        return sections

    def _section(self, command, context):
        title = f"skimdb {command.name}"
        section = nodes.section(ids=[nodes.make_id(title)], names=[title])
        section += nodes.title(text=title)
        use = " ".join([title, *command.collect_usage_pieces(context)])
        section += nodes.literal_block(use, use, language="text")
        text, _, examples = cleandoc(command.help).partition(EXAMPLES)
        for paragraph in text.split("\n\n"):
            section += nodes.paragraph("", "", *_inline(paragraph.strip()))
        if examples:
            lines = cleandoc(examples)
            section += nodes.literal_block(lines, lines, language="shell")
        options = nodes.definition_list(classes=["options"])
        for parameter in command.get_params(context):
            declaration, text = parameter.get_help_record(context)
            options += nodes.definition_list_item(
                "",
                nodes.term("", "", nodes.literal(text=declaration)),
                nodes.definition("", nodes.paragraph("", "", *_inline(text))),
            )
        section += options
        return section


def _inline(text):
    """Return a text of the help as nodes: what stands in backticks, and options, as code."""
    parts = re.split(r"`([^`]+)`|((?<![\w-])--[a-z][a-z-]*)", text.replace("\n", " "))
    for i, part in enumerate(parts):
        if part:
            yield nodes.literal(text=part) if i % 3 else nodes.Text(part)


def setup(app):
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
