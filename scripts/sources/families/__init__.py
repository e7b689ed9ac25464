"""Families of encoders, a file each; read by everything that has to know one."""

from __future__ import annotations

from scripts.files.json_files import value
from scripts.sources.families.albert import ALBERT
from scripts.sources.families.bert import BERT
from scripts.sources.families.distilbert import DISTILBERT
from scripts.sources.families.electra import ELECTRA
from scripts.sources.families.ernie import ERNIE
from scripts.sources.families.family import Config, Family
from scripts.sources.families.modernbert import MODERNBERT
from scripts.sources.families.mpnet import MPNET
from scripts.sources.families.roberta import ROBERTA

FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "distilbert": DISTILBERT,
    "ernie": ERNIE,
    "electra": ELECTRA,
    "albert": ALBERT,
    "mpnet": MPNET,
    "modernbert": MODERNBERT,
}
OTHER = Family(None, {})
"""Of every other `model_type`: transformers runs it."""


def family(config: Config) -> Family:
    """The family of a decoded `config.json`."""
    return FAMILIES.get(value(config, "model_type", str, ""), OTHER)
