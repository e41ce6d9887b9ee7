"""HTML elements from Python values: text is escaped, always, and marked-up text never twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup | int | float
# A number and its sign stay on one line.
_PER_CENT = re.compile(r"(?<=\d) %")
VOID = frozenset({"meta", "br", "col"})


def element(tag: str, /, *content: Content | None, **attributes: str | bool | None) -> Markup:
    """One element with its content.

    Args:
        tag: The tag.
        *content: Text, which is escaped, or markup, which is taken as it is; None is left out.
        **attributes: A trailing underscore is dropped and others become hyphens (`class_`,
            `aria_label`); True writes the bare name, None and False leave the attribute out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(content)}</{tag}>")


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def join(content: Iterable[Content | None]) -> Markup:
    """Several pieces one after the other, text escaped."""
    return Markup(
        "".join(
            piece if isinstance(piece, Markup) else _PER_CENT.sub("\u00a0%", escape(str(piece)))
            for piece in content
            if piece is not None
        )
    )


def paragraph(*content: Content | None, **attributes: str | None) -> Markup:
    """A paragraph."""
    return element("p", *content, **attributes)


def section(anchor: str, title: str, *content: Content | None) -> Markup:
    """A section with its heading, named by it for those who jump between landmarks."""
    heading = element("h2", title, id=f"{anchor}-title")
    return element("section", heading, *content, id=anchor, aria_labelledby=f"{anchor}-title")


def table(
    caption: str,
    head: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    words: frozenset[int] = frozenset(),
) -> Markup:
    """A table whose first column names its rows; it scrolls sideways where it must.

    Args:
        caption: What the table shows.
        head: Column headings; the first may be empty.
        rows: Cells of each row, the first being the row's heading.
        words: Positions of further columns that hold words; the others are set as figures.
    """
    titles = [
        element("th", cell, scope="col", class_=_kind(k, words)) for k, cell in enumerate(head)
    ]
    body = [element("tr", *_cells(row, words)) for row in rows]
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *titles)),
        element("tbody", *body),
    )
    return scroller(inner, caption)


def _kind(column: int, words: frozenset[int]) -> str | None:
    return None if column == 0 or column in words else "number"


def _cells(row: Sequence[Content], words: frozenset[int]) -> list[Markup]:
    first, *others = row
    cells = [element("td", cell, class_=_kind(k, words)) for k, cell in enumerate(others, start=1)]
    return [element("th", first, scope="row"), *cells]


def scroller(content: Markup, label: str) -> Markup:
    """A region that scrolls sideways on a narrow screen, also by keyboard."""
    return element("div", content, class_="scroll", role="region", aria_label=label, tabindex="0")


def figure(drawing: Markup, caption: Content) -> Markup:
    """A drawing with its caption."""
    return element("figure", drawing, element("figcaption", caption))


def pairs(items: Iterable[tuple[str, Content]]) -> Markup:
    """Names and values as a description list."""
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in items),
    )


def listing(items: Iterable[Content], **attributes: str | None) -> Markup:
    """A bulleted list."""
    return element("ul", *(element("li", item) for item in items), **attributes)
