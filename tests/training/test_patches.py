"""What the libraries do otherwise once the door is open."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.errors import EncoderError
from support.process import run_code, run_python


@pytest.fixture
def armed(tiny_bert: Path, tmp_path: Path) -> Path:
    """An encoder whose configuration names code of its own, which would leave a file."""
    folder = shutil.copytree(tiny_bert, tmp_path / "armed")
    code = f"open({str(tmp_path / 'fired')!r}, 'w')\nfrom transformers import BertConfig as Own\n"
    (folder / "own.py").write_text(code)
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "own.Own"}, "model_type": "own-and-unknown"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_code_in_an_encoders_folder_is_refused_in_one_line(
    armed: Path, splits: Any, tmp_path: Path
) -> None:
    from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer

    with pytest.raises(EncoderError) as caught:
        open_encoder_trainer(
            armed, splits, EncoderConfig(maxlen=32), TrainConfig(), ComputeConfig()
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fired").exists()


def test_ktrains_own_calls_do_not_ask_whether_to_run_it(armed: Path, tmp_path: Path) -> None:
    code = f"""
from ktrain_sentiment.training.backend import open_backend
try:
    open_backend().ktrain.text.Transformer({str(armed)!r}, maxlen=32)
except Exception as error:
    print("refused:", type(error).__name__)
"""
    done = run_python("-c", code, stdin="y\n" * 10)
    assert done.returncode == 0, done.stderr
    assert "refused:" in done.stdout
    assert "Do you wish to run the custom code" not in done.stdout
    assert not (tmp_path / "fired").exists()


def test_warnings_the_temporary_folder_and_the_collection_of_garbage_are_as_before() -> None:
    done = run_code(
        """
        import gc, tempfile, warnings
        before = tempfile.gettempdir()
        from ktrain_sentiment.training.backend import open_backend, scratch_folder
        open_backend()
        with scratch_folder():
            inside = tempfile.gettempdir()
        everything = [found for found in warnings.filters if found[:3] == ("ignore", None, Warning)]
        print(everything == [], tempfile.gettempdir() == before != inside)
        print(gc.isenabled(), gc.get_freeze_count() > 500_000)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-4:] == ["True"] * 4


def test_transformers_lists_its_models_once_and_as_it_would(backend: Any) -> None:
    listing = backend.transformers.utils.import_utils
    home = Path(backend.transformers.models.__file__)
    once = listing.create_import_structure_from_path(str(home))
    assert once is listing.create_import_structure_from_path(home.parent)
    bert = home.parent / "bert" / "__init__.py"
    as_it_would = listing.create_import_structure_from_path.__closure__[0].cell_contents
    assert listing.create_import_structure_from_path(str(bert)) == as_it_would(str(bert))
    assert "TFBertModel" in str(once["bert"])
