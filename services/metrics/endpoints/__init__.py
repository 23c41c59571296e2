"""Routes of `metrics`, by resource."""
