"""What `evaluate` and `compare` read, draw from a seed, and show; their figures have a test in `tests/parity`."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from scripts.console import Failure
from scripts.evaluation import beir, bootstrap, candidates, confusion, pairs, pictures, tasks, texts, vectors
from scripts.evaluation import heads as comparing
from scripts.evaluation.beir import Collection
from scripts.evaluation.candidates import Candidates
from scripts.evaluation.process import Opened, find
from scripts.evaluation.tables import exact
from scripts.evaluation.tasks.base import Columns
from scripts.evaluation.tasks.reranking import Reranking
from scripts.evaluation.tasks.retrieval import best
from scripts.finetuning.examples import Entity

HEADER = "query-id\tcorpus-id\tscore\n"
NOWHERE = (float("nan"), (float("nan"), float("nan")))


def written(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        lines = content if isinstance(content, str) else "\n".join(map(json.dumps, content))
        (folder / f"{name}.{'tsv' if name == 'qrels' else 'jsonl'}").write_text(lines)
    return folder


@pytest.mark.parametrize(
    ("record", "task"),
    [
        ({"text": "a", "label": "b"}, "text-classification"),
        ({"text": "a", "text_pair": "b", "label": "c"}, "text-classification"),
        ({"text": "a", "entities": []}, "token-classification"),
        ({"tokens": [], "tags": []}, "token-classification"),
        ({"sentence1": "a", "sentence2": "b", "score": 1}, "sts"),
        ({"text": "a", "text_pair": "b", "score": 1}, "sts"),
        ({"query": "a", "positive": [], "negative": []}, "reranking"),
        ({"query": "a", "texts": [], "relevance": []}, "reranking"),
    ],
)
def test_the_task_is_that_of_the_columns(tmp_path, record, task):
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(record))
    assert tasks.choose(file, None, Columns()).name == task
    assert tasks.choose(file, "sts", Columns()).name == "sts"


def test_a_folder_is_for_retrieval_and_other_columns_for_nothing(tmp_path):
    assert tasks.choose(tmp_path, None, Columns()).name == "retrieval"
    file = tmp_path / "data.jsonl"
    file.write_text('{"message": "a", "kind": "b"}')
    with pytest.raises(Failure, match="has kind, message, which are the columns of no task"):
        tasks.choose(file, None, Columns())
    assert tasks.choose(file, None, Columns("message", "kind")).name == "text-classification"
    file.write_text("")
    with pytest.raises(Failure, match="has no examples"):
        tasks.choose(file, None, Columns())


@pytest.mark.parametrize(
    ("score", "what"), [("", "score is missing"), ("high", "'high', not a number"), ("nan", "'nan', not a number")]
)
def test_a_score_is_a_number(tmp_path, score, what):
    file = tmp_path / "pairs.csv"
    file.write_text(f"text,text_pair,score\na,b,0.5\na,b,{score}\n")
    with pytest.raises(Failure, match=f"line 3: .*{what}"):
        pairs.read(file)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"query": "a", "texts": ["b"], "relevance": [1, 0]}, "1 texts and 2 relevances"),
        ({"query": "a", "texts": ["b"]}, "1 texts and no list of relevances"),
        ({"query": "a", "positive": "b"}, "positive is a str, not a list"),
        ({"query": "a", "negative": [" "]}, "negative holds ' ', which is no text"),
        ({"query": "a", "negative": []}, "no texts to put into order"),
        ({"positive": ["b"]}, "no query"),
    ],
)
def test_candidates_that_cannot_be_used(tmp_path, record, what):
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(record))
    with pytest.raises(Failure, match=what):
        candidates.read(file)


def test_a_collection(tmp_path):
    corpus = [{"_id": 1, "title": "T", "text": "a"}, {"_id": "2", "text": "b"}, {"_id": "3", "title": "only"}]
    found = beir.read(
        written(
            tmp_path / "c",
            corpus=corpus,
            queries=[{"_id": "q", "text": "?"}, {"_id": "r", "text": "!"}],
            qrels=HEADER + "q\t1\t2\nq\tgone\t1\nq\tnowhere\t0\n",
        )
    )
    assert found.documents == {"1": "T a", "2": "b", "3": "only"}
    assert (found.queries, found.unjudged, found.absent) == ({"q": "?"}, 1, 1)


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"qrels": "q\t1\t1\n"}, "line 1 is q 1 1"),
        ({"qrels": HEADER + "q\t1\n"}, "line 2: 2 cells, not 3"),
        ({"qrels": HEADER + "q\t1\thigh\n"}, "line 2: score is 'high'"),
        ({"qrels": HEADER + "x\t1\t1\ny\t1\t1\n"}, "judges query x and 1 other queries, not in"),
        ({"corpus": [{"_id": "1", "text": "a"}, {"_id": "1", "text": "b"}]}, "line 2: _id 1 stands there twice"),
        ({"corpus": [{"text": "a"}]}, "_id is None"),
        ({"queries": [{"_id": "q", "text": " "}]}, "text is empty"),
    ],
)
def test_a_collection_that_cannot_be_used(tmp_path, files, what):
    whole = {
        "corpus": [{"_id": "1", "text": "a"}],
        "queries": [{"_id": "q", "text": "?"}],
        "qrels": HEADER + "q\t1\t1\n",
    }
    with pytest.raises(Failure, match=what):
        beir.read(written(tmp_path / "c", **whole | files))


def test_a_folder_that_is_no_collection(tmp_path):
    with pytest.raises(Failure, match=r"has no queries\.jsonl"):
        beir.read(written(tmp_path / "c", corpus=[{"_id": "1", "text": "a"}]))


def test_a_query_does_not_find_itself():
    documents = {"q": "same", "r": "other", "s": "third"}
    data = Collection(documents, {"q": "same", "r": "not the document r"}, {"q": {"r": 1}, "r": {"r": 1}}, 0)
    assert list(best(data, iter([np.array([1.0, 0.5, 0.2]), np.array([0.1, 1.0, 0.2])]))) == [
        ["r", "s"],
        ["r", "s", "q"],
    ]


def test_intervals_come_from_the_seed_and_hold_the_truth():
    """Of a share p of n, the interval is near that of the normal distribution, sqrt(p (1 - p) / n) to both sides."""
    rows = np.repeat([[1.0], [0.0]], [320, 80], axis=0)

    def share(chosen):
        return {"share": float(chosen.mean())}

    one, again, other = (bootstrap.draws([(rows, share)], seed, 2000)[0]["share"] for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()
    half = 1.96 * (0.8 * 0.2 / 400) ** 0.5
    assert bootstrap.interval(one) == pytest.approx((0.8 - half, 0.8 + half), abs=0.005)


def test_differences_are_paired():
    rows = np.random.default_rng(0).normal(size=(50, 1))

    def mean(chosen):
        return {"mean": float(chosen.mean())}

    one, other = bootstrap.draws([(rows, mean), (rows + 1, mean)], 0, 100)
    np.testing.assert_allclose(other["mean"] - one["mean"], 1)


def test_what_is_not_defined_in_any_sample_has_no_interval():
    assert np.isnan(bootstrap.interval(np.array([np.nan, np.nan]))).all()
    assert bootstrap.interval(np.array([np.nan, 2.0])) == (2, 2)


def test_vectors_that_were_turned_are_related_alike():
    numbers = np.random.default_rng(0)
    rows = numbers.normal(size=(30, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    turned = rows @ np.linalg.qr(numbers.normal(size=(4, 4)))[0]
    found = vectors.relations(rows, turned, 0)
    assert found == {"similarity_spearman": pytest.approx(1), "neighbours": 1, "nearest": 10, "paired": 30}
    assert vectors.cosines(rows, turned).min() < 0.9
    assert vectors.relations(rows, numbers.normal(size=(30, 7)), 0)["neighbours"] < 0.7


def test_neighbours_by_hand():
    left = np.array([[9, 3, 2, 1], [3, 9, 2, 1], [2, 2, 9, 1], [1, 1, 1, 9]], float)
    right = left[:, ::-1]
    assert vectors.nearest(left, 2) == [[1, 2], [0, 2], [0, 1], [0, 1]]
    assert vectors.nearest(right, 2) == [[3, 2], [2, 3], [1, 3], [0, 1]]
    assert vectors.overlap(left, right, 2) == (1 / 2 + 1 / 2 + 1 / 2 + 2 / 2) / 4


def labelled(**scores):
    return [{"label": name, "score": score} for name, score in scores.items()]


def test_labels_and_entities_by_hand():
    figures, spread = comparing.labels(
        [labelled(a=0.75, b=0.25), labelled(b=0.5, a=0.5)], [labelled(a=0.5, b=0.5), labelled(a=1.0, b=0.0)]
    )
    means = {"score_difference_max": 0.5, "score_difference_mean": 0.375}
    assert figures == {"agreement": 0.5, "labels_in_common": 2, **means}
    assert spread.tolist() == [0.25, 0.5]
    one = {"start": 0, "end": 3, "entity_group": "PER", "score": 0.75}
    other = {"start": 5, "end": 9, "entity_group": "LOC", "score": 0.5}
    figures, spread = comparing.entities([[one], []], [[one | {"score": 0.5}, other], []])
    assert figures["agreement"] == 0.5
    assert figures["entities"] == [1, 2]
    assert figures["entity_f1"] == pytest.approx(2 / 3)
    assert spread.tolist() == [0.25]
    assert comparing.entities([[one]], [[other]])[0]["score_difference_max"] is None


def test_confusion_of_entities_by_hand():
    per, loc = (Entity(0, 3, label) for label in ("PER", "LOC"))
    elsewhere = Entity(5, 9, "LOC")
    found = confusion.of_entities([[per, elsewhere], [per], [per]], [[loc], [per, elsewhere], [per]], ["LOC", "PER"])
    assert found["confusion_labels"] == ["LOC", "PER", confusion.NOTHING]
    assert found["confusion"] == [[0, 0, 1], [1, 2, 0], [1, 0, 0]]
    names, counts = confusion.found(found)
    assert confusion.largest(names, counts) == [("LOC", "(none)", 1), ("PER", "LOC", 1), ("(none)", "LOC", 1)]
    assert confusion.largest(names, [[9, 1, 0], [4, 9, 0], [0, 0, 0]])[0] == ("PER", "LOC", 4)


def test_a_query_with_more_candidates_than_a_request_may_have_takes_several():
    class Archive(Opened):
        def __init__(self):
            self.info, self.asked = {"limits": {"max_texts": 6, "max_characters": 100}}, []

        def ask(self, task, requests, silent=False):
            self.asked += [request["texts"] for request in requests]
            scored = ([{"index": n, "score": float(text)} for n, text in enumerate(each["texts"])] for each in requests)
            return [items[::-1] for items in scored], 0.0

    many, few = (Candidates("q", [str(n) for n in range(size)], [1] * size) for size in (7, 2))
    archive = Archive()
    assert Reranking().answers(archive, [many, few], Columns()) == [[0, 1, 2, 3, 4, 5, 6], [0, 1]]
    assert [len(texts) for texts in archive.asked] == [3, 3, 1, 2]


def test_pictures_are_well_formed_whatever_names_hold():
    names = ["<b> & 'c'", "d"]
    figure = (0.5, (0.4, 0.6))
    found = [
        pictures.histogram(np.array([1.0, 1.0]), names[0]),
        pictures.bars([(names[0], 3.0), (names[1], 0.0)], "t"),
        pictures.intervals({names[0]: [figure, NOWHERE]}, names, "t"),
        pictures.matrix([[1, 0], [0, 0]], names, "t"),
        pictures.scatter(np.array([1.0, 2.0]), np.array([3.0, 3.0]), "t"),
    ]
    for picture in [*found, pictures.stacked(found)]:
        ET.fromstring(picture.svg())
        assert "nan" not in picture.svg()
    assert names[0] in "".join(ET.fromstring(found[1].svg()).itertext())


def test_texts_of_a_file(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("one\n\n two \n")
    assert texts.read(file) == ["one", " two "]
    file.write_text("one\n")
    with pytest.raises(Failure, match="holds 1 texts, and two are needed"):
        texts.read(file)


def test_an_archive_is_found_by_name_or_path(tmp_path):
    (tmp_path / "mine.mar").touch()
    assert find("mine", tmp_path) == find(str(tmp_path / "mine.mar"), tmp_path / "elsewhere") == tmp_path / "mine.mar"
    with pytest.raises(Failure, match=r"there is no .*yours\.mar") as failure:
        find("yours", tmp_path)
    assert failure.value.fix.endswith("has mine")


def test_numbers_keep_what_is_nearly_one():
    assert [exact(value) for value in (0.9999996, 3e-7, 0.0, None, float("nan"), 3, [1, 2])] == [
        "1.000000",
        "3e-07",
        "0.000000",
        "-",
        "-",
        "3",
        "1 and 2",
    ]
