"""Pictures in folders, archives and tables: what becomes which split and class, and what is said of mistakes."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_lab import DIVIDED, fill, load, packed, picture, pixels, said, tree

from nntrain.config.compose import compose
from nntrain.data.pictures.source import FolderSource
from nntrain.data.preprocessing import from_state
from nntrain.errors import UserError
from nntrain.experiment import build_experiment


def test_class_folders_are_split_with_shares_of_each_class(tmp_path: Path) -> None:
    names = tree("dog", "cat", "cow")
    data = load(fill(tmp_path, names), val=6, test=3)
    assert data.task.classes == ("cat", "cow", "dog")
    assert [np.bincount(split.targets).tolist() for split in (data.train, data.val, data.test)] == [
        [5, 5, 5],
        [2, 2, 2],
        [1, 1, 1],
    ]
    known = {pixels(i).numpy().tobytes(): name.split("/")[0] for i, name in enumerate(names)}
    for split in (data.train, data.val, data.test):
        assert split.inputs.shape[1:] == (3, 5, 6)
        for inputs, target in zip(split.inputs, split.targets, strict=True):
            assert known[inputs.numpy().tobytes()] == data.task.classes[target]


def test_split_folders_say_which_split(tmp_path: Path) -> None:
    data = load(fill(tmp_path, DIVIDED))
    assert (len(data.train), len(data.val), len(data.test)) == (16, 6, 4)
    assert torch.equal(data.test.inputs[0], pixels(DIVIDED.index("test/cat/00.png")))
    assert torch.equal(data.val.inputs[-1], pixels(DIVIDED.index("val/dog/02.png")))


@pytest.mark.parametrize("words", [("Training", "valid", "holdout"), ("tr", "dev", "testing")])
def test_splits_are_known_by_their_usual_names(tmp_path: Path, words: tuple[str, ...]) -> None:
    meant = dict(zip(("train", "val", "test"), words, strict=True))
    data = load(fill(tmp_path, [f"{meant[name.split('/')[0]]}/{name.split('/', 1)[1]}" for name in DIVIDED]))
    assert (len(data.train), len(data.val), len(data.test)) == (16, 6, 4)


def test_without_a_folder_for_it_validation_is_drawn_from_training(tmp_path: Path) -> None:
    data = load(fill(tmp_path, [name for name in DIVIDED if "val" not in name]), val=4)
    assert (len(data.train), len(data.val), len(data.test)) == (12, 4, 4)
    train = {pixels(i).numpy().tobytes() for i in range(16)}
    assert all(one.numpy().tobytes() in train for one in data.val.inputs)


def test_without_a_folder_for_it_there_is_no_test_and_it_is_said(tmp_path: Path) -> None:
    data = load(fill(tmp_path, [name for name in DIVIDED if "test" not in name]))
    assert data.test is None
    assert "there is train and val, but no test: nothing is scored at the end" in data.notes


def test_a_folder_in_the_way_and_folders_in_classes_do_not_matter(tmp_path: Path) -> None:
    names = [f"set one/{name.split('/')[0]}/deep/{name.split('/')[1]}" for name in tree("a", "b")]
    assert load(fill(tmp_path, names)).task.classes == ("a", "b")


def test_classes_can_be_chosen_in_an_order(tmp_path: Path) -> None:
    root = fill(tmp_path, tree("bird", "cat", "dog"))
    (root / "bird" / "00.png").write_bytes(b"never looked at")
    data = load(root, classes=["dog", "cat"])
    assert data.task.classes == ("dog", "cat")
    assert sum(map(len, (data.train, data.val, data.test))) == 16
    assert said(root, classes=["dog", "catt"]) == (
        "data.classes: unknown class 'catt'; did you mean 'cat'? (choices: bird, cat, dog)"
    )


def test_two_classes_take_one_output(tmp_path: Path) -> None:
    config = compose(["data=folder", f"data.path={fill(tmp_path, tree('cat', 'dog'))}", "batch_size=4"]).config
    assert build_experiment(config).program.objective.outputs == 1


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_an_archive_is_the_same_data_as_the_tree_in_it(tmp_path: Path, kind: str) -> None:
    root = fill(tmp_path / "tree", DIVIDED)
    (root / "train" / "README.txt").write_text("words")
    (root / "train" / ".hidden.png").write_text("words")
    one, other = load(root), load(packed(root, kind))
    assert one.fingerprint == other.fingerprint
    for a, b in ((one.train, other.train), (one.val, other.val), (one.test, other.test)):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)
    assert other.notes[1] == "1 file is no picture by its ending and is ignored: top/train/README.txt"
    again = load(packed(root, kind), classes=["dog", "cat"])
    assert again.task.classes == ("dog", "cat")


def test_an_archive_with_links_or_cut_short_is_refused(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    (root / "a" / "link.png").symlink_to("/etc/passwd")
    linked = tmp_path / "linked.tar"
    with tarfile.open(linked, "w") as archive:
        archive.add(root, "tree")
    assert f"{linked}: tree/a/link.png is a link or a device, not a file" in said(linked)
    (root / "a" / "link.png").unlink()
    whole = packed(root, "tar.gz")
    whole.write_bytes(whole.read_bytes()[:-40])
    assert f"{whole}: is no whole tar or zip archive: " in said(whole)
    (tmp_path / "text.zip").write_text("hello")
    assert "text.zip: is no whole tar or zip archive: " in said(tmp_path / "text.zip")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = packed(fill(tmp_path / "tree", tree("a", "b", each=1)), "zip")
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        content[at + place] |= 1
    path.write_bytes(content)
    assert said(path) == f"{path}: is encrypted; unpack it, and give the folder"


def write_table(root: Path, lines: list[str], head: str = "path,label") -> Path:
    path = root / "list.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_a_table_lists_paths_and_classes(tmp_path: Path) -> None:
    fill(tmp_path / "pics", [f"{i}.png" for i in range(12)])
    table = write_table(tmp_path, [f"pics/{i}.png,{'cat' if i % 2 else 'dog'}" for i in range(12)])
    data = load(table, val=2, test=2)
    assert (data.task.kind, data.task.classes, data.task.targets) == ("classification", ("cat", "dog"), ("label",))
    known = {pixels(i).numpy().tobytes(): i % 2 for i in range(12)}
    for inputs, target in zip(data.train.inputs, data.train.targets, strict=True):
        assert data.task.classes[target] == ("cat" if known[inputs.numpy().tobytes()] else "dog")


def test_a_table_may_say_the_splits(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(8)])
    splits = ["train"] * 4 + ["Val"] * 2 + ["test"] * 2
    lines = [f"{i}.png,{'ab'[i % 2]},{split}" for i, split in enumerate(splits)]
    data = load(write_table(tmp_path, lines, "file,label,split"))
    assert torch.equal(data.val.inputs, torch.stack([pixels(4), pixels(5)]))
    assert torch.equal(data.test.inputs, torch.stack([pixels(6), pixels(7)]))
    lines[3] = "3.png,b,trian"
    assert said(write_table(tmp_path, lines, "file,label,split")).endswith(
        "column 'split': 'trian' is none of train, val, test"
    )


def test_real_values_are_regression_in_units_of_the_training_split(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(12)])
    table = write_table(tmp_path, [f"{i}.png,{i + 0.5}" for i in range(12)], "path,age")
    data = load(table, target="age")
    assert (data.task.kind, data.train.targets.dtype, data.train.targets.shape[1]) == ("regression", torch.float32, 1)
    assert float(data.train.targets.mean()) == pytest.approx(0, abs=1e-6)
    assert float(data.train.targets.std(correction=0)) == pytest.approx(1, abs=1e-6)
    raw = FolderSource(path=str(table), target="age").load(standardize_target=False)
    known = {pixels(i).numpy().tobytes(): i + 0.5 for i in range(12)}
    for inputs, target in zip(raw.train.inputs, raw.train.targets, strict=True):
        assert known[inputs.numpy().tobytes()] == float(target)


def test_several_numbers_may_be_predicted(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(12)])
    data = load(write_table(tmp_path, [f"{i}.png,{i}.5,{-i}" for i in range(12)], "path,x,y"), target=["x", "y"])
    assert (data.task.kind, data.task.targets, data.val.targets.shape[1]) == ("regression", ("x", "y"), 2)


def test_several_labels_and_none(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(12)])
    cells = ["sea;sky", "sky", "", " sea ; sand"] * 3
    table = write_table(tmp_path, [f"{i}.png,{cell}" for i, cell in enumerate(cells)])
    data = load(table, label_separator=";", val=2, test=2)
    assert (data.task.kind, data.task.classes, data.task.separator) == ("multilabel", ("sand", "sea", "sky"), ";")
    known = {pixels(i).numpy().tobytes(): cells[i] for i in range(12)}
    for inputs, target in zip(data.train.inputs, data.train.targets, strict=True):
        cell = known[inputs.numpy().tobytes()]
        assert target.tolist() == [float(name in cell) for name in data.task.classes]
    assert {known[one.numpy().tobytes()] for one in data.unlabelled} == {""}
    assert "3 pictures are without a label, for pre-training alone" in data.notes
    assert said(table, task="multilabel") == (
        "data.label_separator: is not set, and task=multilabel needs it: the character between the labels of a "
        "picture, such as ';' or '|'"
    )
    assert "data.task=classification has none" in said(table, task="classification", label_separator=";")


def test_mistakes_in_a_table_are_named(tmp_path: Path) -> None:
    fill(tmp_path, ["1.png"])
    assert "has no column 'path' that names the pictures (columns: a, b)" in said(
        write_table(tmp_path, ["1.png,x"], "a,b")
    )
    assert "unknown column 'label'; did you mean 'labels'?" in said(write_table(tmp_path, ["1.png,x"], "path,labels"))
    gone = said(write_table(tmp_path, ["1.png,x", "2.png,y"]))
    assert "list.csv: lists '2.png', which is not there (No such file or directory); paths are relative" in gone
    assert "row 2 names no picture in column 'path'" in said(write_table(tmp_path, ["1.png,x", ",y"]))


def test_labels_kept_by_some_leave_the_rest_for_pre_training(tmp_path: Path) -> None:
    root = fill(tmp_path, tree("cat", "dog", each=20))
    data = load(root, val=4, test=4, labels=6)
    assert np.bincount(data.train.targets).tolist() == [3, 3]
    assert len(data.unlabelled) == 26
    whole = load(root, val=4, test=4)
    both = {one.numpy().tobytes() for one in (*data.train.inputs, *data.unlabelled)}
    assert both == {one.numpy().tobytes() for one in whole.train.inputs}
    assert torch.equal(data.val.inputs, whole.val.inputs)
    assert "6 of 32 training pictures keep their label (data.labels); the rest is for pre-training alone" in data.notes
    assert said(root, labels=40) == "data.labels: 40 is more than the 28 training pictures that have a label"
    assert said(root, labels=1).startswith("data.labels: 1 cannot show 2 classes")


def test_a_folder_of_unlabelled_pictures_is_for_pre_training(tmp_path: Path) -> None:
    fill(tmp_path, DIVIDED)
    fill(tmp_path / "unlabelled", {"x.png": 100, "deep/y.png": 101})
    data = load(tmp_path)
    assert torch.equal(data.unlabelled, torch.stack([pixels(101), pixels(100)]))


def test_folds_take_turns(tmp_path: Path) -> None:
    source = FolderSource(path=str(fill(tmp_path, tree("a", "b"))), folds=4, test=0)
    parts = [source.load(fold=fold).val for fold in range(4)]
    assert [len(part) for part in parts] == [4] * 4
    assert len({one.numpy().tobytes() for part in parts for one in part.inputs}) == 16


LAYOUTS = {
    "nothing": (["notes/a.txt"], {}, "holds no pictures (.jpg, .jpeg, .png, "),
    "no class folders": (
        ["1.png", "2.png"],
        {},
        r"/1.png: lies in no class folder (and 1 more); pictures lie in folders",
    ),
    "one class": (tree("a"), {}, "holds one class folder, 'a'; at least two are told apart"),
    "only in test": (
        [*DIVIDED, "test/cow/1.png"],
        {},
        "/test/cow: class 'cow' is in test only; it cannot be learned without training pictures",
    ),
    "split beside class": (
        [*DIVIDED, "cow/1.png"],
        {},
        "/cow: stands beside test, train, val/; either all top folders",
    ),
    "two for validation": ([*DIVIDED, *tree("cat", below="dev/")], {}, "dev/ and val/ both mean val; keep one of them"),
    "folds beside val": (DIVIDED, {"folds": 3}, "data.folds: "),
    "one of a kind": ([*tree("a"), "b/1.png"], {}, "data: class 'b' has one sample, which a stratified split"),
    "a task": (tree("a", "b"), {"task": "regression"}, "data.task: folders are classes; regression takes a CSV"),
    "a target": (tree("a", "b"), {"target": "x"}, "data.target: is for a CSV of path,label"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_tree_that_says_nothing_clear_is_refused(tmp_path: Path, case: str) -> None:
    names, settings, expected = LAYOUTS[case]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (picture(0).save if name.endswith("png") else lambda path: path.write_text(""))(tmp_path / name)
    assert expected in said(tmp_path, **settings)


def test_an_empty_class_folder_of_an_archive_is_named(tmp_path: Path) -> None:
    path = packed(fill(tmp_path / "tree", DIVIDED), "zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("top/train/cow/", "")
    assert said(path) == f"{path}/top/train/cow: is a class folder without pictures; fill or remove it"


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_text(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    strange = os.fsdecode(b"b/\xff.png")
    picture(90).save(root / strange)
    data = load(root)
    assert sum(map(len, (data.train, data.val, data.test))) == 17
    assert data.preprocessing.named(root / "b")[0][-1] == "?.png"
    (root / strange).write_bytes(b"none")
    assert "cannot be read as a picture" in said(root)
    (root / "b").rename(root / os.fsdecode(b"\xff"))
    assert said(root).endswith("/?: a class needs a name that can be printed, in UTF-8; rename the folder")


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    fill(tmp_path, DIVIDED)
    (tmp_path / "train" / "cow" / "deep").mkdir(parents=True)
    assert said(tmp_path) == f"{tmp_path}/train/cow: is a class folder without pictures; fill or remove it"
    assert load(tmp_path, classes=["cat", "dog"]).task.classes == ("cat", "dog")


def test_a_path_that_is_not_there_or_no_pictures_is_said(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert said(tmp_path / "picture") == (f"data.path: no folder '{tmp_path}/picture'; did you mean 'pictures'?")
    (tmp_path / "three.tar").write_bytes(b"")
    assert said(tmp_path / "three.tar.gz") == (
        f"data.path: no folder '{tmp_path}/three.tar.gz'; did you mean 'three.tar'?"
    )
    (tmp_path / "model.bin").write_bytes(b"")
    assert "is neither a folder of pictures, nor a tar or zip of one, nor a CSV of path,label" in said(
        tmp_path / "model.bin"
    )


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    fill(tmp_path / "set", tree("a", "b"))
    fill(tmp_path / "elsewhere", ["x.png"])
    (tmp_path / "set" / "a" / "round").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "a" / "more").symlink_to(tmp_path / "elsewhere")
    data = load(tmp_path / "set")
    assert sum(map(len, (data.train, data.val, data.test))) == 17
    (tmp_path / "set" / "b" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert said(tmp_path / "set").endswith("/b/gone.png: is a link to nothing, or was deleted just now")


SPOILED = {
    "broken": (b"\x89PNG\r\n\x1a\n and no more", "cannot be read as a picture: "),
    "truncated": (None, "cannot be read as a picture: "),
    "another format": (b"GIF", "is GIF, not PNG as its ending .png says; name it .gif"),
    "a bomb": (b"large", "has 40 x 40 = 1,600 pixels, more than data.max_pixels=100"),
    "empty": (b"", "cannot be read as a picture: it is empty"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_picture_that_cannot_be_used_stops_or_is_left_out(tmp_path: Path, case: str) -> None:
    content, expected = SPOILED[case]
    root = fill(tmp_path / "tree", tree("cat", "dog"))
    spoiled = root / "dog" / "03.png"
    if content is None:
        spoiled.write_bytes(spoiled.read_bytes()[:60])
    elif content == b"GIF":
        picture(0).save(spoiled, "GIF")
    elif content == b"large":
        picture(0, size=(40, 40)).save(spoiled)
    else:
        spoiled.write_bytes(content)
    settings = {"size": [5, 6], "max_pixels": 100}
    stopped = said(root, **settings)
    assert stopped.startswith(f"{spoiled}: {expected}")
    assert stopped.endswith("mend it or take it away, or leave such pictures out: data.on_broken=skip")
    for path in (root, packed(root, "tar")):
        data = load(path, on_broken="skip", **settings)
        assert sum(map(len, (data.train, data.val, data.test))) == 15
        assert data.notes[0].startswith("15 pictures of 6 x 5 in colour, ")
        assert data.notes[1].startswith("data.on_broken: 1 picture is left out: ")
        assert f"dog/03.png {expected}" in data.notes[1]
    assert said(root, **settings) == stopped, "what the cache knows stops too"


def test_sizes_that_differ_are_listed_and_one_is_proposed(tmp_path: Path) -> None:
    fill(tmp_path, tree("a", "b"))
    picture(1, size=(20, 10)).save(tmp_path / "b" / "03.png")
    for path in (tmp_path, packed(tmp_path, "tar")):
        assert "differ in size: 6 x 5 (15), 20 x 10 (1); " in said(path)
        assert "b/03.png is 20 x 10, the first is 6 x 5; say which size they are to have: data.size=5" in said(path)
    assert load(tmp_path, size=8).train.inputs.shape[1:] == (3, 8, 8)
    assert load(tmp_path, size=[4, 7]).train.inputs.shape[1:] == (3, 4, 7)


def test_pictures_are_grey_where_all_are(tmp_path: Path) -> None:
    fill(tmp_path, tree("a", "b"), grey=True)
    assert load(tmp_path).train.inputs.shape[1:] == (1, 5, 6)
    assert load(tmp_path, colour="rgb").train.inputs.shape[1:] == (3, 5, 6)
    picture(3).save(tmp_path / "b" / "07.png")
    data = load(tmp_path)
    assert data.train.inputs.shape[1:] == (3, 5, 6)
    assert torch.equal(data.preprocessing.inputs(tmp_path / "b" / "07.png")[0], pixels(3))
    assert load(tmp_path, colour="grey").train.inputs.shape[1:] == (1, 5, 6)


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_a_file_is_the_same_picture_in_training_and_at_prediction(tmp_path: Path, fit: str) -> None:
    names = tree("a", "b")
    fill(tmp_path / "tree", names, size=(40, 25))
    data = load(tmp_path / "tree", size=[9, 7], fit=fit, val=2, test=2)
    state = from_state(data.preprocessing.state())
    given = state.inputs([tmp_path / "tree" / name for name in names])
    trained = {one.numpy().tobytes() for split in (data.train, data.val, data.test) for one in split.inputs}
    assert {one.numpy().tobytes() for one in given} == trained


def test_a_tree_an_archive_and_a_table_can_be_evaluated(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", tree("cat", "dog"))
    take = load(root).preprocessing
    new = fill(tmp_path / "new", {"top/dog/deep/1.png": 50, "top/cat/2.png": 51})
    table = write_table(new, ["top/cat/2.png,cat", "top/dog/deep/1.png,dog"])
    for path in (new / "top", packed(new / "top", "zip"), table, new):
        if path == new:
            table.unlink()  # or the folder above holds a table beside the classes
        split = take.labelled(path)
        assert torch.equal(split.inputs, torch.stack([pixels(51), pixels(50)])), path
        assert split.targets.tolist() == [0, 1]
    fill(new, ["top/cow/1.png"])
    with pytest.raises(UserError, match=r"/cow: unknown class 'cow' \(choices: cat, dog\)"):
        take.labelled(new / "top")
    with pytest.raises(UserError, match=r"holds splits \(test, train, val\); name one of them"):
        take.labelled(fill(tmp_path / "divided", DIVIDED))


def test_what_was_trained_on_can_be_predicted(tmp_path: Path) -> None:
    names = tree("a", "b", each=3)
    root = fill(tmp_path / "tree", names)
    take = load(root, val=1, test=1, stratify=False).preprocessing
    expected = torch.stack([pixels(i) for i in range(6)])
    (tmp_path / "only.csv").write_text("path\n" + "\n".join(f"tree/{name}" for name in names))
    table = write_table(root, [f"{name},a;b" for name in names])
    forms = {root: names, packed(root, "tar"): None, table: names, tmp_path / "only.csv": [f"tree/{n}" for n in names]}
    for path, called in forms.items():
        given = dict(zip(*take.named(path), strict=True))
        assert torch.equal(take.inputs(path), torch.stack(list(given.values()))), path
        assert torch.equal(torch.stack([given[name] for name in sorted(given)]), expected), path
        assert called is None or list(given) == called
    (root / "a" / "00.png").write_bytes(b"none")
    with pytest.raises(UserError, match=r"again.tar/top/a/00.png: cannot be read as a picture"):
        take.inputs(packed(root, "tar").rename(tmp_path / "again.tar"))


def test_an_archive_is_read_once_to_be_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    take = load(root).preprocessing
    path, opened = packed(root, "tar.gz"), []
    real = tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *words: [opened.append(words), real(*words)][1])
    names, pictures = take.named(path)
    assert len(names) == len(take.inputs(pictures)) == 16
    assert len(opened) == 1


def test_the_greatest_picture_allowed_is_kept_with_the_model(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", tree("a", "b"))
    state = load(root, max_pixels=31).preprocessing.state()
    assert len(from_state(state).inputs(root)) == 16
    larger = fill(tmp_path, ["large.png"], size=(8, 4)) / "large.png"
    with pytest.raises(UserError, match=r"large.png: has 8 x 4 = 32 pixels, more than data.max_pixels=31"):
        from_state(state).inputs(larger)
    del state["max_pixels"]  # as in files of earlier releases
    assert len(from_state(state).inputs(larger)) == 1


def test_values_and_labels_of_a_new_table_are_those_of_training(tmp_path: Path) -> None:
    fill(tmp_path, [f"{i}.png" for i in range(12)])
    numbers = write_table(tmp_path, [f"{i}.png,{i + 0.5}" for i in range(12)])
    data = load(numbers)
    expected = (3.5 - data.task.center[0]) / data.task.scale[0]
    one = write_table(tmp_path, ["3.png,3.5"])
    assert float(data.preprocessing.labelled(one).targets) == pytest.approx(expected, rel=1e-6)
    take = from_state({**data.preprocessing.state(), "standardize_target": False})
    assert float(take.labelled(one).targets) == 3.5
    words = load(write_table(tmp_path, [f"{i}.png,{'ab'[i % 2]}|c" for i in range(12)]), label_separator="|")
    one = write_table(tmp_path, ["3.png,b"])
    assert words.preprocessing.labelled(one).targets.tolist() == [[0, 1, 0]]
    with pytest.raises(UserError, match=r"column 'label': unknown label 'd'"):
        words.preprocessing.labelled(write_table(tmp_path, ["3.png,d"]))


def test_the_summary_says_what_was_read(tmp_path: Path) -> None:
    root = fill(tmp_path, tree("cat", "dog"))
    first, second = load(root, val=4, test=4), load(root, val=4, test=4)
    assert first.notes[0].startswith("16 pictures of 6 x 5 in colour, decoded in ")
    assert second.notes[0].startswith("16 pictures of 6 x 5 in colour, decoded before, from the cache (")
    assert first.summary["classes"]["train"] == {"cat": 4, "dog": 4}
    assert first.summary["pictures"]["files"] == 16


def test_a_moved_tree_is_the_same_data(tmp_path: Path) -> None:
    root = fill(tmp_path / "here", tree("cat", "dog"))
    before = load(root).fingerprint
    root.rename(tmp_path / "there")
    assert load(tmp_path / "there").fingerprint == before
    picture(99).save(tmp_path / "there" / "cat" / "00.png")
    os.utime(tmp_path / "there" / "cat" / "00.png", ns=(1, 1))
    assert load(tmp_path / "there").fingerprint != before


@pytest.mark.slow
def test_dog_or_cat_from_cifars_archive(shared_data: Path) -> None:
    data = load(shared_data / "cifar10" / "cifar10-jpeg.tar.gz", classes=["cat", "dog"])
    assert [np.bincount(split.targets).tolist() for split in (data.train, data.val, data.test)] == [
        [4250, 4250],
        [750, 750],
        [1000, 1000],
    ]
    assert data.train.inputs.shape[1:] == (3, 32, 32)
