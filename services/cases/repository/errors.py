"""Refusals that only the database can be sure of."""

from shared.kernel.errors import ConflictError


class ExternalRefTakenError(ConflictError):
    """`external_ref` names one object per Träger, and another one has it."""

    code = "external-ref-taken"
    title = "The external_ref is already in use"
