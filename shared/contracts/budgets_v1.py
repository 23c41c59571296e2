"""The events of `budgets`, version 1. There are none yet; the log and its topic exist."""

SOURCE = "/budgets"
TOPIC = "teilhabe.budgets.v1"
TYPE_PREFIX = "de.nrw.teilhabe.budgets."
