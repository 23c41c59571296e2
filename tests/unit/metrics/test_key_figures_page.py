"""The page of the key figures is the one the code generates."""

from pathlib import Path

from services.metrics.domain.rendering import key_figures_markdown

PAGE = Path(__file__).parents[3] / "docs" / "key-figures.md"


def test_the_checked_in_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == key_figures_markdown(), (
        "write it anew: python -c 'from services.metrics.domain.rendering import key_figures_markdown as t;"
        ' print(t(), end="")\' > docs/key-figures.md'
    )
