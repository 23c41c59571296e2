"""The envelope of every event: CloudEvents 1.0 structured JSON, the same bytes in the feed and on Kafka.

A writer produces the envelope without its place in the log (`encode_body`); the stamper puts `feedepoch`,
`feedpart` and `sequence` in front once the transaction has committed. Readers tolerate unknown members.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from shared.kernel.mitgliedskoerperschaften import Traeger

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"
EVENT_MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"


class EnvelopeBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as its writer knows it. `data` is the encoded payload, taken over byte for byte."""

    specversion: str = SPECVERSION
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = CONTENT_TYPE
    tenant: Traeger
    data: msgspec.Raw


class Envelope(EnvelopeBody, frozen=True, kw_only=True, gc=False):
    """An event with its place in the log: dense numbers per part, within an epoch."""

    feedepoch: str
    feedpart: int
    sequence: str

    @property
    def seq(self) -> int:
        """The dense number of the event in its part, from 1."""
        return int(self.sequence)


class CommandPlace(msgspec.Struct, frozen=True, gc=False):
    """The head of a payload: event `index` of the `of` events that one command wrote. A payload without is alone."""

    index: int = 1
    of: int = 1


_encoder = msgspec.json.Encoder()
_envelopes = msgspec.json.Decoder(Envelope)
_places = msgspec.json.Decoder(CommandPlace)


def encode_body(body: EnvelopeBody) -> str:
    """The JSON text a writer puts into its outbox. It begins with `{"specversion"`."""
    return _encoder.encode(body).decode()


def decode_envelope(value: bytes | str) -> Envelope:
    """Read an event. Raises `msgspec.DecodeError` for anything that is not a complete envelope."""
    return _envelopes.decode(value)


def place_in_command(envelope: Envelope) -> CommandPlace:
    """Where the event stands in its command. Raises `msgspec.DecodeError` if the payload does not say."""
    return _places.decode(envelope.data)
