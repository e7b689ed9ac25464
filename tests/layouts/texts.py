"""What every folder is asked about."""

from __future__ import annotations

WORDS = "The ferry crosses the river twice a day, and nobody on board minds the rain."
LONG = f"{WORDS} Marta lives in Lisbon and works in Oslo; her brother keeps bees near Cork. " * 34
"""About 1,000 words."""
TEXTS = [
    WORDS,
    "渡船每天两次过河，没有人介意下雨。",
    "Le bac traverse la rivière, même en hiver; où sont les élèves ?",
    "Ｆｕｌｌ width 🙂👩‍👩‍👧 ﬁne ½",
    "  two\t\tspaces \n and lines ",
    "İSTANBUL STRAẞE ÇOK GÜZEL",
    "ferry",
    "\u200b",
    LONG,
]
PAIRS = [
    ("Who crosses the river?", "The ferry crosses the river twice a day."),
    ("Who crosses the river?", "Marta lives in Lisbon."),
    ("渡船", "渡船每天两次过河，没有人介意下雨。"),
    ("ferry", LONG),
]
MASKED = ["The {mask} crosses the river.", "Marta lives in {mask}"]
SHORT = [text for text in TEXTS if text is not LONG]
TOGETHER = [text for text in TEXTS if text != "\u200b"]
"""Texts of one request, of very different lengths: no answer may depend on what is beside a text."""
