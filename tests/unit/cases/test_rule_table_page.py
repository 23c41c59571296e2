"""The page of the rule table is the one the code generates."""

from pathlib import Path

from services.cases.domain.facts import Kind
from services.cases.domain.rendering import rule_table_markdown
from services.cases.domain.rules import RULES

PAGE = Path(__file__).parents[3] / "docs" / "rule-table.md"


def test_the_checked_in_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == rule_table_markdown(), (
        "write it anew: python -c 'from services.cases.domain.rendering import rule_table_markdown as t;"
        ' print(t(), end="")\' > docs/rule-table.md'
    )


def test_every_kind_has_a_row_and_every_row_a_legal_basis() -> None:
    assert {rule.kind for rule in RULES} == set(Kind)
    assert all(rule.basis.startswith("§") for rule in RULES)
