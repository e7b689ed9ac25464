"""Which exception each library raises for what a server refuses."""

from __future__ import annotations

REFUSALS: dict[str, dict[str, str]] = {
    "unknown model": {
        "python/openai": "NotFoundError",
        "python/cohere": "NotFoundError",
        "python/huggingface_hub": "HfHubHTTPError",
        "python/tritonclient-http": "InferenceServerException",
        "javascript/openai": "NotFoundError",
        "javascript/ai-sdk": "APICallError",
        "javascript/cohere-ai": "NotFoundError",
        "javascript/huggingface-inference": "InferenceClientProviderApiError",
    },
    "empty text": {
        "python/openai": "BadRequestError",
        "python/cohere": "BadRequestError",
        "javascript/openai": "BadRequestError",
        "javascript/ai-sdk": "APICallError",
        "javascript/cohere-ai": "BadRequestError",
        "javascript/langchain-cohere": "BadRequestError",
        "javascript/langchain-openai": "BadRequestError",
    },
    "address as model": {"python/langchain-huggingface": "ValidationError"},
    "the path of the address is dropped": {"python/haystack": "RuntimeError", "python/litellm": "NotFoundError"},
    "no such service": {"python/tritonclient-grpc": "StatusCode.UNIMPLEMENTED"},
}
"""Check -> library -> the exception's class, or the status it carries."""
