"""Numbers of the page's map, in Node: as good a t-SNE as scikit-learn's from the same start, and better than PCA."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

from tests import toolchain

pytestmark = toolchain.needs_npm

NEAR = 10
MAPPED = """async (vectors, { unit, project, refined }) => {
  const units = vectors.map(unit);
  const { places: start, shares } = project(vectors, 2);
  let last;
  for (const turn of refined(units, start)) last = { step: turn.step, places: [...turn.places] };
  return { start, shares, ...last };
}"""


def vectors(texts, groups=20, dimensions=64):
    """Of length one, about as near to others of their group as sentences of one subject are."""
    random = np.random.default_rng(20)
    found = random.normal(size=(groups, dimensions))[np.arange(texts) % groups] + random.normal(
        size=(texts, dimensions)
    )
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def kept(of, places):
    """Share of the ten nearest vectors that are among the ten nearest places."""
    near = [NearestNeighbors(n_neighbors=NEAR).fit(each).kneighbors(return_distance=False) for each in (of, places)]
    return np.mean([len(set(a) & set(b)) / NEAR for a, b in zip(*near, strict=True)])


@pytest.fixture(scope="module", params=[60, 300], ids="{} texts".format)
def mapped(request, tmp_path_factory):
    of = vectors(request.param)
    return of, toolchain.run(MAPPED, of.tolist(), tmp_path_factory.mktemp("map"))


def test_it_begins_with_principal_components(mapped):
    of, found = mapped
    reference = PCA(n_components=2, svd_solver="full").fit(of)
    expected = reference.transform(of)
    start = np.array(found["start"])
    for axis in range(2):
        assert abs(np.corrcoef(start[:, axis], expected[:, axis])[0, 1]) > 0.98
    assert np.allclose(found["shares"], reference.explained_variance_ratio_, rtol=0.02)


def test_it_keeps_as_many_neighbours_as_scikit_learns(mapped):
    of, found = mapped
    start, places = np.array(found["start"]), np.array(found["places"]).reshape(-1, 2)
    perplexity = min(30, (len(of) - 1) / 3)
    scaled = start / start[:, 0].std() * 1e-4
    theirs = TSNE(init=scaled, method="exact", perplexity=perplexity).fit_transform(of)
    for measure in (kept, lambda of, places: trustworthiness(of, places, n_neighbors=NEAR)):
        assert measure(of, places) > measure(of, theirs) - 0.02
    assert trustworthiness(of, places, n_neighbors=NEAR) > trustworthiness(of, start, n_neighbors=NEAR) + 0.02


def test_places_are_the_same_each_time(mapped, tmp_path):
    of, found = mapped
    assert toolchain.run(MAPPED, of.tolist(), tmp_path) == found


@pytest.mark.parametrize(
    "texts", [[[1.0, 0.0]] * 9, [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.5]]], ids=["equal", "four"]
)
def test_odd_texts_have_places(texts, tmp_path):
    found = toolchain.run(MAPPED, texts, tmp_path)
    assert np.isfinite(np.array(found["places"], dtype=float)).all()
    assert found["step"] == 300
