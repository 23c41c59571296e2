"""Imports: stored bodies with their progress, and files read and written many at a time."""
