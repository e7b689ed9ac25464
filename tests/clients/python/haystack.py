"""`OpenAITextEmbedder`, `OpenAIDocumentEmbedder`, `HuggingFaceAPITextEmbedder`, `HuggingFaceAPIDocumentEmbedder`, `HuggingFaceTEIRanker`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "haystack-ai==3.4.1",
#   "huggingface-api-haystack==3.1.0",
# ]
# [tool.client]
# address = "`.../v1`, `.../hf`, `.../tei`"
# ///


