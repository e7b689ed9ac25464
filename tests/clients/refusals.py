"""Which exception each library raises for what a server refuses."""

from __future__ import annotations

REFUSALS: dict[str, dict[str, str]] = {
    "unknown model": {
        "python/openai": "NotFoundError",
        "python/cohere": "NotFoundError",
        "python/huggingface_hub": "RepositoryNotFoundError",
        "python/tritonclient-http": "InferenceServerException",
    },
    "empty text": {
        "python/openai": "UnprocessableEntityError",
        "python/cohere": "UnprocessableEntityError",
    },
    "address as model": {"python/langchain-huggingface": "ValidationError"},
    "no such service": {"python/tritonclient-grpc": "StatusCode.UNIMPLEMENTED"},
}
"""Check -> library -> the exception's class, or the status it carries."""
