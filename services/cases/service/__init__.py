"""Use cases of `cases`: load, decide, save, and write down what others must hear, all in the caller's transaction."""
