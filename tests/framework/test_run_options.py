import click
import pytest

from facial_keypoints.cli import run
from facial_keypoints.errors import InputError
from facial_keypoints.framework.run_options import commands_with_options, read_parameters


def options(*arguments):
    return run.make_context("run", list(arguments)).params


@pytest.fixture
def refused(capsys):
    """Return the message with which the command refuses its arguments."""

    def message(*arguments):
        with pytest.raises(SystemExit) as stopped:
            options(*arguments)
        assert stopped.value.code == 1
        return capsys.readouterr().err

    return message


@pytest.fixture
def file(tmp_path):
    """Return the option that names a file of options with the given text."""

    def write(text):
        path = tmp_path / "options.yml"
        path.write_text(text, encoding="utf-8")
        return f"--config={path}"

    return write


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["train.epochs=3"], {"train": {"epochs": 3}}),
        (["train.epochs=3,train.loss=mse"], {"train": {"epochs": 3, "loss": "mse"}}),
        (["train.epochs=3", "train.loss=mse"], {"train": {"epochs": 3, "loss": "mse"}}),
        (["train.epochs=3", "train.epochs=3"], {"train": {"epochs": 3}}),
        (["train.epochs: 3"], {"train": {"epochs": 3}}),
        (["study.only=[a,b],split.seed=3"], {"study": {"only": ["a", "b"]}, "split": {"seed": 3}}),
        (["augment.shifts=[[1, 2], [3, 4]]"], {"augment": {"shifts": [[1, 2], [3, 4]]}}),
        (
            ["train.reduce_on_plateau={patience: 3, factor: 0.5},train.epochs=1"],
            {"train": {"reduce_on_plateau": {"patience": 3, "factor": 0.5}, "epochs": 1}},
        ),
        (["train={epochs: 3}", "train.loss=mse"], {"train": {"epochs": 3, "loss": "mse"}}),
        (['{"train": {"epochs": 3, "loss": "mse"}}'], {"train": {"epochs": 3, "loss": "mse"}}),
        (["download.archive='a,b.zip'"], {"download": {"archive": "a,b.zip"}}),
        (['download.archive="a, b=c.zip"'], {"download": {"archive": "a, b=c.zip"}}),
        (["download.archive=o'brien.zip,train.epochs=1"],
         {"download": {"archive": "o'brien.zip"}, "train": {"epochs": 1}}),
        (["download.archive=C:/a[1].zip"], {"download": {"archive": "C:/a[1].zip"}}),
        (["train.max_minutes=null"], {"train": {"max_minutes": None}}),
        (["train.learning_rate=1e-3"], {"train": {"learning_rate": 0.001}}),
        ([" a = 1 , b = 2 ,"], {"a": 1, "b": 2}),
    ],
)  # fmt: skip
def test_parameters_are_read(texts, read):
    assert read_parameters(texts) == read


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["study.only"], "--params: 'study.only' is not name=value"),
        (["=3"], "--params: '=3' is not name=value"),
        (["study.only="], "--params: study.only has no value; study.only=null is an empty one"),
        (["a=1,study.only:"], "--params: study.only has no value"),
        (
            ["study.only=a,b"],
            "--params: 'b' is not name=value. A comma separates parameters; a list is written in "
            "brackets: --params \"study.only=[a,b]\", a text with a comma in quotes: --params "
            "\"study.only='a,b'\"",
        ),
        (["study.only=[a,train.epochs=3"], "--params: the value of study.only is not YAML: [a,"),
        (["{train: {epochs: 3}"], "--params: the value of mapping is not YAML: {train: {"),
        (["train.epochs=3", "train.epochs=4"], "--params gives train.epochs twice: 3 and 4; give"),
        (["train.epochs=3,train={epochs: 4}"], "--params gives train.epochs twice: 3 and 4"),
        (["train=3,train.epochs=4"], "--params gives train twice: 3 and {'epochs': 4}"),
    ],
)  # fmt: skip
def test_raises_input_error_for_parameters_that_cannot_be_read(texts, message):
    with pytest.raises(InputError) as error:
        read_parameters(texts)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--params=study.only=a", "--params", "train.epochs=1"], "params",
         {"study": {"only": "a"}, "train": {"epochs": 1}}),
        (["--tags=clean", "-t", "split,augment"], "tags", ["clean", "split", "augment"]),
        (["--nodes=a", "-n", "b"], "node_names", ["a", "b"]),
        (["--namespaces=a", "--namespaces=b"], "namespaces", ["a", "b"]),
        (["--from-nodes=a", "--from-nodes=b"], "from_nodes", ["a", "b"]),
        (["--to-outputs=a", "--to-outputs=b"], "to_outputs", ["a", "b"]),
        (["--pipelines=full", "--pipelines=upload"], "pipelines", ["full", "upload"]),
        (["--pipeline=full", "--pipeline=upload"], "pipelines", ["full", "upload"]),
        (["--pipeline=full,upload"], "pipelines", ["full", "upload"]),
        (["--pipeline=full"], "pipeline", "full"),
        (["--env=test", "--env=test"], "env", "test"),
        ([], "params", {}),
    ],
)  # fmt: skip
def test_every_occurrence_of_an_option_counts(arguments, name, value):
    assert options(*arguments)[name] == value


@pytest.mark.parametrize(
    "arguments",
    [["--env=test", "--env=demo"], ["-r", "SequentialRunner", "--runner=Other"]],
)
def test_option_with_two_values_is_refused(refused, arguments):
    assert "given twice" in refused(*arguments)


@pytest.mark.parametrize("option", ["--env", "--pipeline", "--tags", "--nodes", "--params"])
def test_option_with_an_empty_value_is_refused(refused, option):
    assert refused(f"{option}=").startswith(f"Error: {option} has no value; give one, or leave")


def test_config_file_gives_options(file):
    given = options(
        file(
            "run:\n  env: test\n  tags: [clean, split]\n  to_nodes: a, b\n  params: train.epochs=3"
        )
    )
    assert given["env"] == "test"
    assert given["tags"] == ["clean", "split"]
    assert given["to_nodes"] == ["a", "b"]
    assert given["params"] == {"train": {"epochs": 3}}


@pytest.mark.parametrize(
    "parameters", ["train.epochs=3,study.only=a", "{train: {epochs: 3}, study: {only: a}}"]
)
def test_command_line_replaces_single_parameters_of_the_config_file(file, parameters):
    config = file(f"run:\n  params: {parameters}")
    for arguments in ([config, "--params=train.epochs=4"], ["--params=train.epochs=4", config]):
        assert options(*arguments)["params"] == {"train": {"epochs": 4}, "study": {"only": "a"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env: test", "it must have a section 'run'"),
        ("", "it must have a section 'run'"),
        ("run: test", "it must have a section 'run'"),
        ("run: {env: [", "cannot be read"),
        ("run: {enf: test}", "unknown option 'enf' (did you mean 'env'?); valid names: "),
    ],
)
def test_wrong_config_file_is_refused(file, refused, text, message):
    assert message in refused(file(text))


@pytest.mark.parametrize(
    ("message", "completed"),
    [
        ("none; run: kedro run --pipeline=clean, with the same --env and --params",
         "none; run: kedro run --env=test --params 'study.only=[a,b]' --pipeline=clean"),
        ("first, with the same --env (kedro run --pipeline=full)",
         "first (kedro run --env=test --pipeline=full)"),
        ("run kedro run --pipeline=full again", "run kedro run --env=test --pipeline=full again"),
        ("kedro run --pipeline=full --env=demo", "kedro run --pipeline=full --env=demo"),
    ],
)  # fmt: skip
def test_commands_in_messages_get_the_options_of_the_running_one(message, completed):
    context = run.make_context("run", ["--env=test", "--params=study.only=[a,b]"])
    assert commands_with_options(message, context) == completed
    assert commands_with_options(message, None) == message


def test_help_lists_each_option_once():
    names = [name for each in run.params for name in each.opts]
    assert len(names) == len(set(names))
    assert all(isinstance(each, click.Option) for each in run.params)
