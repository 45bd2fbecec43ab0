"""What `--help` says: what a person types most, with examples that work."""

GENERAL = """\
nntrain: train a neural network from a YAML file, and trust what you get.

  nntrain fit                                     train the bundled digits: real data, no download, seconds
  nntrain fit config=iris                         a recipe that comes with nntrain
  nntrain fit config=mine.yaml optimizer.lr=0.01  a recipe of your own, one setting changed
  nntrain eval runs/digits/...                    the metrics of a trained model
  nntrain predict runs/digits/... input=new.csv output=predictions.csv

commands
  fit         train; keep the best model on validation; evaluate it on test once, at the end
  eval        metrics of a model, on its own data or on new data
  predict     predictions with probabilities for new inputs
  check       validate a config without training: settings and their origin, layers, memory, data
  configs     what can be chosen: recipes, models, optimizers, ...; start a recipe of your own
  cache       the decoded pictures that are kept on disk; clear them
  completion  tab completion for bash, zsh and fish

nntrain COMMAND --help says more of a command. --json: the result as one JSON object on the last line of
standard output. Settings are written key=value, without dashes."""

_FIT = """\
nntrain fit [config=NAME_OR_FILE] [key=value ...] [-m] [--json]

Train; keep the best model on validation; evaluate it on test once, at the end.

  nntrain fit config=digits
  nntrain fit config=digits optimizer=sgd optimizer.lr=0.1 optimizer.momentum=0.9
  nntrain fit config=digits model.depth=3 model.width=256 model.norm=batch model.dropout=0.2
  nntrain fit config=digits batch_size=full optimizer=lbfgs
  nntrain fit config=digits 'model.dropout=[0.1,0.3]' 'model.activation={name:elu,alpha:0.5}'
  nntrain fit config=wine data.folds=5                     cross-validation
  nntrain fit config=wine ensemble=8                       eight networks as one model, with its uncertainty
  nntrain fit config=digits seed=1,2,3 optimizer=adam,sgd -m     every combination
  nntrain fit config=digits model.init_from=RUN freeze=backbone 'unfreeze_at={epochs:3,every:1}'     transfer
  nntrain fit config=iris,wine 'optimizer.lr=choice(0.1,0.01)' 'seed=range(1,4)' -m
  nntrain fit config=digits 'optimizer.lr=tag(log,interval(1e-4,0.1))' search.n_trials=50 -m     a search
  nntrain fit config=digits grow=depth                     add hidden layers until validation gains no more
  nntrain fit config=digits pretrain=denoising             first without labels, then with them
  nntrain fit resume=runs/digits/2026-01-31_12-00-00_abc123    go on exactly where a run or a sweep stopped

-m: a sweep, a run for every combination. Jobs whose networks have the same shapes train as one program, the
rest each by itself, in a process per core or GPU; nntrain check ... -m shows which. Jobs that failed or are
missing run by resume=SWEEP_FOLDER; nntrain check resume=SWEEP_FOLDER shows how the sweep stands.
hydra/launcher= stacked (the default), parallel, basic (one after another, in this process), submitit, ray;
hydra.launcher.workers= processes at the same time

a choice is made by its group (optimizer=sgd), a setting of it with a dot (optimizer.lr=0.1)
  data model init loss optimizer schedule regularization early_stopping checkpoint augment
  objective pretrain grow
short for model.reuse, model.freeze, model.unfreeze_at (what to take of model.init_from, what stands still)
  reuse freeze unfreeze_at
settings that belong to no group
  name seed ensemble device epochs batch_size precision gradient_accumulation deterministic time_limit run_dir
  quiet

nntrain configs lists all choices, nntrain configs optimizer the settings of one group, nntrain configs search
those of a search, nntrain configs launcher those of what trains a sweep;
nntrain check config=... shows where each value comes from without training."""

_EVAL = """\
nntrain eval MODEL [data.path=FILE] [split=train|val|test] [tta=N] [device=auto] [--json]

Metrics of a model on its own data (the test split unless said otherwise), or on new samples with their
targets: a file, or class folders of pictures. MODEL is a run folder or a best.safetensors; of a run with
data.folds the model of one fold is taken, and said. tta=8: mean predictions of each sample as it is and of 7
draws of the run's own augmentation.

  nntrain eval runs/housing/2026-01-31_12-00-00_abc123
  nntrain eval runs/housing/2026-01-31_12-00-00_abc123 split=val
  nntrain eval checkpoint=best.safetensors data.path=new.csv"""

_PREDICT = """\
nntrain predict MODEL input=FILE_OR_FOLDER output=FILE [tta=N] [device=auto] [--json]

Predictions, with the probability of each class. The input is raw: a CSV or Parquet file with the columns of
training, in any order; a picture or a folder of pictures; a .npy or .npz array. The output's ending says its
format: .csv, .tsv, .parquet, .json. Of an ensemble also how far its members disagree: std of each value or
probability, entropy of the mean prediction, and mutual_information, the part of it that is disagreement. The
std of a value is no error bar: true values scatter about the prediction by more, as its RMSE on test says.

  nntrain predict runs/housing/2026-01-31_12-00-00_abc123 input=new.csv output=predictions.csv
  nntrain predict best.safetensors input=pictures/ output=predictions.parquet"""

_CHECK = """\
nntrain check [config=NAME_OR_FILE] [key=value ...] [show=augment [output=FILE.png]] [-m] [--json]
nntrain check resume=SWEEP_FOLDER [--json]

Validate everything without training, and show it: every setting with its origin (default, recipe, command
line), the layers, parameters and memory, the data with its columns and types. show=augment: draw training
pictures beside what the augmentation makes of them (augment.png, or the next free name). -m: the jobs of a
sweep, and which of them train together. resume=: how a sweep stands that ended, was stopped or still runs:
the leaderboard so far, who has not ended, and what nntrain fit resume= would train.

  nntrain check config=mine.yaml
  nntrain check config=digits model.depth=5
  nntrain check config=digits augment=pictures augment.rotate=15 show=augment
  nntrain check config=digits optimizer.lr=0.01,0.001 model=mlp,linear -m
  nntrain check resume=runs/digits/2026-01-31_12-00-00_abc123"""

_CONFIGS = """\
nntrain configs [GROUP [OPTION]] | RECIPE | copy RECIPE FILE [--json]

What can be chosen, each with one line and its hyperparameters.

  nntrain configs                         all groups and recipes
  nntrain configs optimizer               every optimizer with its settings
  nntrain configs optimizer sgd           one of them
  nntrain configs launcher                what trains the jobs of a sweep, in processes or on a cluster
  nntrain configs digits                  a recipe as it is written
  nntrain configs copy digits mine.yaml   start a recipe of your own"""

_CACHE = """\
nntrain cache [clear [NAME ...]] [--json]

Pictures are decoded once and kept on disk for all later runs: in $NNTRAIN_CACHE, else where the system
keeps what can be made again (~/.cache/nntrain). List them, with what they are of, their size and when they
were last used.

  nntrain cache               list what is kept
  nntrain cache clear         delete all of it
  nntrain cache clear NAME    delete one entry"""

_COMPLETION = """\
nntrain completion bash | zsh | fish

Print the script that makes the Tab key complete commands, groups, choices and settings.

  eval "$(nntrain completion bash)"                                     in ~/.bashrc
  eval "$(nntrain completion zsh)"                                      in ~/.zshrc
  nntrain completion fish > ~/.config/fish/completions/nntrain.fish"""

VERBS: dict[str, str] = {
    "fit": _FIT,
    "eval": _EVAL,
    "predict": _PREDICT,
    "check": _CHECK,
    "configs": _CONFIGS,
    "cache": _CACHE,
    "completion": _COMPLETION,
}
