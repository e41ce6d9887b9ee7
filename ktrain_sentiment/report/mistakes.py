"""The section of the report that shows mistakes: the model's, and those of the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ktrain_sentiment.evaluation.explanation import Explanation
from ktrain_sentiment.evaluation.review import Review
from ktrain_sentiment.report import wording
from ktrain_sentiment.report.markup import (
    Content,
    Markup,
    element,
    join,
    paragraph,
    section,
    table,
)
from ktrain_sentiment.report.tables import FAINTEST

SHOWN = 8
LONGEST = 700


def mistakes_section(found: Review, *, of_run: bool = True) -> Markup:
    """Top losses, doubtful labels, confusions with telling words.

    Args:
        found: The mistakes.
        of_run: Whether the rows are a run's validation rows.
    """
    return section(
        "mistakes",
        "What it gets wrong",
        paragraph("All of these are validation rows; the test rows stay unread.", class_="note")
        if of_run
        else None,
        _legend(found),
        *_losses(found),
        *_doubtful(found),
        *_confusions(found),
    )


def _legend(found: Review) -> Markup | None:
    if not found.explanations:
        return None
    for_it = element("mark", "words that speak for the prediction", class_="for", style="--w:0.7")
    against = element("mark", "words that speak against it", class_="against", style="--w:0.7")
    check = found.faithfulness
    said = "" if check is None else f" Checked by leaving words out: {check.sentence}"
    return paragraph("Marked are ", for_it, " and ", against, f".{said}", class_="note")


def _losses(found: Review) -> list[Content]:
    frame = found.losses
    if frame.empty:
        return [element("h3", "The model's mistakes"), paragraph("None on these rows.")]
    items = [
        _item(
            f"Row {row['row']}: ",
            ("labelled ", str(row["label"])),
            (", predicted ", str(row["predicted"])),
            f" with {wording.share(row['probability'])}; loss {row['loss']:.2f}",
            text=str(row["text"]),
            explanations=found.explanations,
        )
        for row in _head(frame)
    ]
    return [
        element(
            "h3",
            f"The model's mistakes, the surest first ({min(SHOWN, len(frame))} of {len(frame):,})",
        ),
        element("ol", *items, class_="texts"),
    ]


def _doubtful(found: Review) -> list[Content]:
    likely = found.doubtful[found.doubtful["p_wrong"] >= 0.5]
    rest = len(found.doubtful) - len(likely)
    more = f" In {rest:,} more rows it disagrees with the label but is less sure." if rest else ""
    title = element("h3", f"Labels to check ({min(SHOWN, len(likely))} of {len(likely):,})")
    if likely.empty:
        return [title, paragraph(f"None on these rows.{more}")]
    items = [
        _item(
            f"Row {row['row']}: ",
            ("labelled ", str(row["label"])),
            (", more likely ", str(row["suggested"])),
            f" ({wording.share(row['p_suggested'])} against {wording.share(row['p_label'])})",
            text=str(row["text"]),
            explanations=found.explanations,
        )
        for row in _head(likely)
    ]
    said = (
        f"If {wording.share(found.noise.share)} of all labels are wrong, each of these is more "
        "likely a wrong label than a mistake: the model and TF-IDF, which both never saw the row, "
        "are together all but certain of another one. Only a person can tell: inspect-errors "
        f"writes the list as a CSV to correct, and takes it back.{more}"
    )
    return [title, paragraph(said), element("ol", *items, class_="texts")]


def _head(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.head(SHOWN).to_dict("records")]


def _item(
    start: str,
    given: tuple[str, str],
    other: tuple[str, str],
    end: str,
    *,
    text: str,
    explanations: Mapping[str, Explanation],
) -> Markup:
    words = [
        start,
        given[0],
        element("strong", given[1]),
        other[0],
        element("strong", other[1]),
        end,
    ]
    marked = marked_text(explanations[text]) if text in explanations else _shortened(text)
    return element("li", paragraph(*words, class_="what"), paragraph(marked, class_="said"))


def marked_text(explanation: Explanation) -> Markup:
    """A text with the words marked that its prediction hangs on."""
    pieces: list[Content] = []
    length = 0
    for piece, part in explanation.shares:
        if length > LONGEST:
            pieces.append(" …")
            break
        length += len(piece)
        if abs(part) < FAINTEST:
            pieces.append(piece)
            continue
        kind = "for" if part > 0 else "against"
        pieces.append(element("mark", piece, class_=kind, style=f"--w:{abs(part):.2f}"))
    return join(pieces)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def _confusions(found: Review) -> list[Content]:
    if not found.confusions:
        return []
    rows = [
        [
            f"{pair.true} taken for {pair.predicted}",
            f"{pair.count:,}",
            wording.share(pair.share),
            ", ".join(word for word, _ in pair.words) or "none",
        ]
        for pair in found.confusions[:12]
    ]
    return [
        element("h3", "What is taken for what"),
        table(
            "Mistakes by pair of labels, with words more frequent in them than in the texts of the "
            "same label that were predicted rightly",
            ["", "rows", "of the label", "telling words"],
            rows,
            words=frozenset({3}),
        ),
    ]
