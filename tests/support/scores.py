"""Made-up reviews with scores: how much praise is in them, and how it is put."""

from support.reviews import PRAISE, make_reviews


def make_scores(rows: int = 600, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct (text, score) pairs from -3 to 3: by the label, and by the words in half steps."""
    made = []
    for text, label in make_reviews(rows, seed=seed, wrong=0):
        words = text.split()
        strength = 1 + sum(PRAISE.index(word) for word in words if word in PRAISE) / 10
        score = min(strength, 3) * (1 if label == "positive" else -1)
        made.append((text, f"{score:.1f}"))
    return made
