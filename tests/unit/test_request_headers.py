"""What headers say of the way a request came: ids, spans, gateways."""

from math import inf

import pytest

from handler.observability import headers

NOW = 1_790_000_000.5
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"x-request-id": "a-1"}, "a-1"),
        ({"x-correlation-id": "b", "x-request-id": "a"}, "b"),
        ({"x-correlation-id": "", "x-request-id": "a"}, "a"),
        ({"x-request-id": "!" * 128}, "!" * 128),
        ({"x-request-id": "a" * 129}, None),
        ({"x-request-id": "a b"}, None),
        ({"x-request-id": "a\n"}, None),
        ({"x-request-id": "a\x1b[2J"}, None),
        ({"x-request-id": "gr\u00fc\u00dfe"}, None),
        ({"x-correlation-id": "a b", "x-request-id": "a"}, None),
        ({}, None),
    ],
)
def test_only_plain_ids_of_a_bounded_length_are_kept(given, kept):
    assert headers.correlation_id(given) == kept


@pytest.mark.parametrize(
    ("given", "good"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", True),
        (f"00-{TRACE}-b7ad6b7169203331-00", True),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", False),
        (f"ff-{TRACE}-b7ad6b7169203331-01", False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE}-b7ad6b7169203331-01-zeppelin", False),
        ("zeppelin", False),
    ],
)
def test_a_span_has_the_form_of_the_standard(given, good):
    assert headers.traceparent({"traceparent": given}) == (given if good else None)


@pytest.mark.parametrize(
    ("given", "waited"),
    [
        ("t=1790000000.250", 0.25),  # nginx: "t=${msec}"
        ("t=1790000000", 0.5),
        ("1790000000250", 0.25),  # Heroku's router
        ("t=1790000000250000", 0.25),  # Apache: "%t"
        ("t=1790000000.900", 0.0),  # its clock is a little ahead
        ("t=1790000009", None),
        ("t=1780000000", None),
        ("t=", None),
        ("zeppelin", None),
        ("t=1790000000.25 zeppelin", None),
        ("t=-1790000000", None),
        ("t=1e9", None),
    ],
)
def test_how_long_a_request_has_waited(given, waited):
    assert headers.queue_seconds({"x-request-start": given}, NOW) == (
        None if waited is None else pytest.approx(waited, abs=1e-5)
    )


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("1", 0.001),
        ("999999", 999.999),
        ("1000000", inf),
        ("0", inf),
        ("-5", inf),
        ("1.5", inf),
        ("5s", inf),
        ("", inf),
    ],
)
def test_a_client_says_how_long_it_waits(given, seconds):
    assert headers.timeout_seconds({"x-request-timeout-ms": given}) == seconds
    assert headers.timeout_seconds({}) == inf
