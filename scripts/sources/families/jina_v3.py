"""Jina v3: XLM-RoBERTa whose positions turn queries and keys, under the heads of RoBERTa."""

from __future__ import annotations

from scripts.sources.families import rotary
from scripts.sources.families.family import ConfigKeys, Family
from scripts.sources.families.gte import AROUND
from scripts.sources.families.roberta import ROBERTA

JINA_V3 = Family(
    rotary.mapping(gated=False, around=AROUND),
    ROBERTA.heads,
    ConfigKeys(usual_eps=1e-5),
    beyond=rotary.beyond,
    endless=rotary.endless,
)
