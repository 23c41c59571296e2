"""The commands of `teilhabe`, one module per group."""
