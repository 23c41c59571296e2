"""Synthetic case histories as import lines, and the table that holds their figures against the published ones.

Persons are invented. Everything is decided by a seed: the same seed gives the same bytes.
"""
