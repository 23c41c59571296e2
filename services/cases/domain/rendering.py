"""The rule table as a page for people who read law rather than code: `docs/rule-table.md`."""

from collections.abc import Iterator

from services.cases.domain.cell import Phase
from services.cases.domain.checks import KIND_ATTRIBUTES
from services.cases.domain.facts import Kind
from services.cases.domain.rules import RULES, SELECTOR_OF, PlaceRule, ProviderRule, Rule, Target

_PROVIDER_TEXT = {
    ProviderRule.NONE: "",
    ProviderRule.NAMED: "provider must be named",
    ProviderRule.NAMED_OR_PRESENT: "provider stays unless another is named",
    ProviderRule.OTHER: "another provider must be named",
}
_PLACE_TEXT = {
    PlaceRule.NONE: "",
    PlaceRule.INTERN: "place INTERN unless given",
    PlaceRule.OTHER: "another place must be named",
}


def rule_table_markdown() -> str:
    """The page, generated from the table; a test compares it with the file that is checked in."""
    return "\n".join([*_head(), *_transitions(), "", *_attributes()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Rule table of movements"
    yield ""
    yield "Generated from `services/cases/domain/rules.py` and `checks.py`. §§ without a law are those of the SGB IX."
    yield "Every pair of kind and phase that is not listed is refused (409), and so is everything after an ABGANG"
    yield "with reason TOD."
    yield ""


def _transitions() -> Iterator[str]:
    yield "## From phase to phase"
    yield ""
    yield "| kind | with | from | to | conditions and defaults | basis |"
    yield "|---|---|---|---|---|---|"
    for rule in RULES:
        columns = (f"`{rule.kind}`", _selectors(rule), _sources(rule), _target(rule), _notes(rule), rule.basis)
        yield f"| {' | '.join(columns)} |"


def _selectors(rule: Rule) -> str:
    name = SELECTOR_OF.get(rule.kind)
    if name is None:
        return ""
    values = [f"`{name}={value}`" if value is not None else f"no `{name}`" for value in rule.selectors]
    return " or ".join(values)


def _sources(rule: Rule) -> str:
    if rule.sources == tuple(Phase):
        return "any cell"
    return ", ".join(f"`{source}`" if source is not None else "no cell" for source in rule.sources)


def _target(rule: Rule) -> str:
    if rule.target is Target.SAME:
        return "same"
    return "no cell" if rule.target is Target.NONE else f"`{rule.target}`"


def _notes(rule: Rule) -> str:
    texts = [condition.text for condition in rule.conditions]
    texts += [text for text in (_PROVIDER_TEXT[rule.provider], _PLACE_TEXT[rule.place]) if text]
    return "; ".join(texts)


def _attributes() -> Iterator[str]:
    yield "## Attributes by kind"
    yield ""
    yield "`effective_on` is required and `decided_on` possible everywhere. Attributes of the person (`payer_mk`,"
    yield "`residence_mk`, `disability`, `kombi`) stand only on a fact that starts from no cell, and on"
    yield "`MERKMALSAENDERUNG`. An `UEBERGANG` with a budget needs `decided_on`."
    yield ""
    yield "| kind | required | optional |"
    yield "|---|---|---|"
    for kind in Kind:
        own = KIND_ATTRIBUTES[kind]
        yield f"| `{kind}` | {_names(own.required)} | {_names(own.optional)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
