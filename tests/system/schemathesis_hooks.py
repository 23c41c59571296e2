"""What schemathesis cannot know: how a body of lines of JSON is sent."""

import schemathesis
from schemathesis import SerializationContext


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(_: SerializationContext, value: object) -> bytes:
    """The generated text as it stands; anything else, made up to be refused, as text too."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
