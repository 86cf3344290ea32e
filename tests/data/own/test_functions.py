"""A user's function that returns arrays."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasbench.data.own import call
from kerasbench.terminal.errors import UserError
from tests.data.own.conftest import Prepare

X, Y = np.zeros((4, 2)), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("result", "names"),
    [
        ({"x": X, "y": Y}, "x y"),
        ((X, Y), "x y"),
        ((X, Y, Y), "x y sample_weight"),
        (((X, Y), (X, Y)), "x_train y_train x_test y_test"),
        (([X, X], Y), "x_0 x_1 y"),
        ((([X, X], [Y, Y]), ([X, X], [Y, Y])),
         "x_train_0 x_train_1 y_train_0 y_train_1 x_test_0 x_test_1 y_test_0 y_test_1"),
        (([[0, 1], [1, 0]], [0, 1]), "x y"),
    ],
)  # fmt: skip
def test_a_function_may_return_a_dict_or_keras_tuples(result: object, names: str) -> None:
    assert " ".join(call.named(result)) == names


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A Python file whose functions read a file beside it, through a module beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "numbers.txt").write_text("1 2 3 4 5 6")
    (folder / "arrays.py").write_text("def read(path):\n    return [float(one) for one in open(path).read().split()]\n")
    (folder / "my_data.py").write_text(
        "import os\nimport pathlib\nimport numpy as np\nimport arrays\n\n"
        "def load(power: int = 1):\n"
        "    print('loading')\n"
        "    with open(pathlib.Path(__file__).parent / 'calls', 'a') as calls:\n"
        "        calls.write('x')\n"
        "    x = np.array(arrays.read(pathlib.Path(__file__).with_name('numbers.txt'))) ** power\n"
        "    return x, x / 2\n\n"
        "def fails():\n    raise ValueError('no\\nway')\n\n"
        "def fails_elsewhere():\n    arrays.read('missing')\n\n"
        "def nothing():\n    return None\n\n"
        "def objects():\n    return {'x': [{}, {}], 'y': [0, 1]}\n\n"
        "def dies():\n    os._exit(7)\n"
    )
    return folder / "my_data.py"


@pytest.mark.slow
def test_the_function_is_called_again_only_if_something_that_it_read_has_changed(program: Path, own: Prepare) -> None:
    calls = program.with_name("calls")
    first, found = own(program, function="load")
    assert sorted(np.concatenate([found["train_x"], found["test_x"]])[:, 0]) == [1, 2, 3, 4, 5, 6]
    assert own(program, function="load")[0] == first and calls.read_text() == "x"
    squared = own(program, function="load", options={"power": 2})[1]
    assert max(squared["train_x"].max(), squared["test_x"].max()) == 36
    program.with_name("numbers.txt").write_text("1 2 3 4 5 6 7")
    assert own(program, function="load")[0].digest != first.digest
    module = program.with_name("arrays.py")
    module.write_text(module.read_text() + "\n# the same\n")
    before = len(calls.read_text())
    assert own(program, function="load")[0].train_examples == 6
    assert len(calls.read_text()) == before + 1


@pytest.mark.parametrize(
    ("function", "named"),
    [
        ("fails", r"my_data\.py, line 14, in fails: ValueError: no way$"),
        ("fails_elsewhere", r"arrays\.py, line 2, in read: FileNotFoundError"),
        ("nothing", "returned a NoneType"),
        ("objects", "x holds Python objects"),
        ("dies", "status 7"),
    ],
)
def test_its_error_is_one_line_with_the_users_own_frame(program: Path, own: Prepare, function: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        own(program, function=function)
    assert str(program) in str(caught.value) and "\n" not in str(caught.value)
    assert os.listdir(program.parent).count("__pycache__") == 0
