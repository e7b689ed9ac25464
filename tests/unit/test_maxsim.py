"""MaxSim of vectors of any length, against `sentence_transformers.util.maxsim`."""

from types import SimpleNamespace

import numpy as np
import pytest
from sentence_transformers.util import maxsim

from handler.late_interaction import LateInteraction


@pytest.mark.parametrize("average", [False, True])
def test_scores_below_minus_one_and_documents_without_vectors(average):
    chooser = np.random.default_rng(0)
    query = chooser.normal(size=(3, 4)).astype(np.float32)
    away = -5 * query.sum(0, keepdims=True)  # each of its products is far below -1
    documents = [away, chooser.normal(size=(6, 4)).astype(np.float32), np.zeros((0, 4), dtype=np.float32)]
    expected = maxsim([query], documents, length_normalize=average)[0].numpy()
    found = LateInteraction.scores(SimpleNamespace(description=SimpleNamespace(average=average)), query, documents)
    assert (query @ away.T).max() < -1
    assert found == pytest.approx(expected, rel=1e-6)
