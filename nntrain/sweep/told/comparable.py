"""Which jobs can be compared by their values, and words that tell those of one contest from those of others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from nntrain.record.files import json_text
from nntrain.record.run_folder import safe_name
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome

Key = tuple[str, str, str]  # metric, settings of the data, loss and objective where the loss is the metric
Config = Mapping[str, Any]

SOURCE = (  # settings of `data` that make it other data, so that values cannot be compared
    *("name", "dataset", "path", "root", "header", "target", "task", "classes", "y_path", "x", "y", "label_separator"),
    *("samples", "noise", "turns", "features", "data_seed"),
)
VALIDATED = (  # those that say which of its rows are validated, and how much each counts; `split_seed` is a replicate
    *("val", "test", "stratify", "folds", "val_path", "test_path", "x_test", "y_test"),
    *("split_column", "group_column", "time_column", "weight_column"),
)
PATHS = ("path", "root", "y_path", "val_path", "test_path")


def comparable(job: Job, outcome: Outcome) -> Key:
    """What two jobs must agree in for their values to be compared."""
    monitor, config = str(outcome.result["monitor"]), job.config
    data = {key: value for key, value in config.get("data", {}).items() if key in (*SOURCE, *VALIDATED)}
    loss = [config.get("loss"), config.get("objective")] if monitor == "val_loss" else None
    return monitor, _text(data), _text(loss)


def titles(contests: Mapping[Key, Sequence[Job]]) -> dict[Key, str]:
    """Of each contest what tells it from the others, by what they differ in; "" where there is one alone. No two are
    the same, nor are they as names of folders."""
    if len(contests) == 1:
        return dict.fromkeys(contests, "")
    data = _data_words(contests)
    found = {key: ", ".join([*data[key[1]], *_other_words(key, contests)]) for key in contests}
    folders = Counter(_folder(title) for title in found.values())
    return {
        key: title if folders[_folder(title)] == 1 else f"#{contests[key][0].number}: {title}"
        for key, title in found.items()
    }


def _folder(title: str) -> str:
    return safe_name(title).casefold()


def _data_words(contests: Mapping[Key, Sequence[Job]]) -> dict[str, list[str]]:
    """Of each set of data its recipe, or else its name, where these differ; and the settings in which those that are
    called alike differ."""
    jobs: dict[str, list[Job]] = {}
    for (_, data, _), together in contests.items():
        jobs.setdefault(data, []).extend(together)
    settings: dict[str, dict[str, Any]] = {data: json.loads(data) for data in jobs}
    heads = _recipes(jobs)
    if len(set(heads.values())) < 2:
        heads = _names(settings)
    alike: dict[str, dict[str, dict[str, Any]]] = {}
    for data, head in heads.items():
        alike.setdefault(head, {})[data] = settings[data]
    return {
        data: [head] * (len(alike) > 1) + words
        for head, members in alike.items()
        for data, words in zip(members, _differing(list(members.values())), strict=True)
    }


def _differing(members: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Of each the settings in which they differ."""
    keys = dict.fromkeys(key for one in members for key in one)
    values = {key: [one.get(key) for one in members] for key in keys}
    told = [key for key in keys if len(set(map(_text, values[key]))) > 1]
    return [[_setting(key, one.get(key), values[key]) for key in told] for one in members]


def _recipes(jobs: Mapping[str, Sequence[Job]]) -> dict[str, str]:
    """The recipe of each set of data; none where not each has one of its own."""
    found = {data: {job.varied.get("config") for job in own} for data, own in jobs.items()}
    known = {data: str(next(iter(names))) for data, names in found.items() if len(names) == 1 and None not in names}
    return known if len(known) == len(jobs) else {}


def _names(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What each is called: a data set, a file, or else the kind of the data."""
    paths = [own["path"] for own in settings.values() if own.get("path")]
    return {
        data: str(own.get("dataset") or (_shortest(own["path"], paths) if own.get("path") else own.get("name")))
        for data, own in settings.items()
    }


def _setting(key: str, value: Any, others: Sequence[Any]) -> str:
    """`data.val=0.1`, as a command line has it. others: the values of the contests that it is to be told from."""
    if key in PATHS and value:
        value = _shortest(value, [other for other in others if other])
    told = value if isinstance(value, str) else json_text(value, indent=None)
    return f"data={told}" if key == "name" else f"data.{key}={told}"


def _shortest(path: str, others: Sequence[str]) -> str:
    """The name of a file where no other file is called that, else the whole path."""
    name = PurePath(path).name
    return name if {other for other in others if PurePath(other).name == name} == {path} else path


def _other_words(key: Key, contests: Mapping[Key, Sequence[Job]]) -> list[str]:
    """The loss and the metric, where others differ in them."""
    monitor, data, loss = key
    words = []
    if len({other[2] for other in contests if other[:2] == (monitor, data)}) > 1:
        words.append(_loss_words(json.loads(loss), [json.loads(other[2]) for other in contests if other[2] != "null"]))
    if len({other[0] for other in contests}) > 1:
        words.append(monitor.replace("_", " "))
    return words


def _loss_words(own: Sequence[Config | None], others: Sequence[Sequence[Config]]) -> str:
    """The loss by its name, and by those settings that others of the same name have otherwise; or the objective."""
    loss, objective = (section or {} for section in own)
    if len({other[1]["name"] for other in others if other[1]}) > 1:
        return str(objective["name"])
    alike = [other[0] for other in others if other[0] and other[0]["name"] == loss.get("name")]
    differing = [f"{key} {value}" for key, value in loss.items() if any(other.get(key) != value for other in alike)]
    return " ".join([f"loss {loss.get('name')}", *differing])


def _text(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)
