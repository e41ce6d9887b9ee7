"""Two texts become the rows that the encoder's own tokenizer makes of them."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.predictor.long_texts import PairReader, apart
from ktrain_sentiment.predictor.tokenization import TextEncoder
from ktrain_sentiment.training.tokens import tokenize

OF_BERT = "[CLS] $A [SEP] $B:1 [SEP]:1"
OF_ROBERTA = "[CLS] $A [SEP] [SEP] $B [SEP]"
PAIRS = Inputs(pair="aspect")


def tokenizer(pair=OF_BERT):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdef."]
    made = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=special
    )
    return made


def encoded(texts, rule="head", maxlen=12, pair=OF_BERT):
    encoder = TextEncoder(tokenizer(pair).to_str().encode(), maxlen, 0, pairs=True)
    return encoder.encode([PAIRS.join(*one) for one in texts], rule)


@pytest.mark.parametrize("pair", [OF_BERT, OF_ROBERTA])
@pytest.mark.parametrize(
    ("first", "second"), [("a b c", "d"), ("a", "d e f"), ("a b c d e f a b c d e f", "f")]
)
def test_ids_and_types_are_the_tokenizers_own(first, second, pair):
    own = tokenizer(pair)
    own.enable_truncation(12, strategy="only_first")
    wanted = own.encode(first, second)
    found = encoded([(first, [second])], pair=pair)
    ids, types = apart(found.ids[0])
    assert (ids.tolist(), types.tolist()) == (wanted.ids, wanted.type_ids)
    assert found.truncated.tolist() == [bool(wanted.overflowing)]


def test_windows_are_of_the_first_text_and_each_holds_the_second():
    found = encoded([("a b c d e f . a b c d e f .", ["f"]), ("a", ["b"])], "windows", 10)
    assert found.windows.tolist() == [3, 1]
    assert not found.truncated.any()
    for row in found.ids[:3]:
        ids, types = apart(row)
        assert ids[-2:].tolist() == [9, 3]
        assert types.sum() == 2
        assert len(row) <= 10


def test_a_second_text_is_cut_at_half_of_the_room():
    found = encoded([("a b", ["c " * 20])], "windows", 13)
    ids, types = apart(found.ids[0])
    assert types.sum() == 5 + 1
    assert found.truncated.tolist() == [True]
    assert ids[:4].tolist() == [2, 4, 5, 3]


def test_a_pair_whose_text_has_no_known_word_is_unknown_whatever_the_second_says():
    assert encoded([("x y", ["a"]), ("a x", ["y"])]).unknown.tolist() == [True, False]


@pytest.mark.parametrize("rule", ["head", "tail", "head+tail", "windows"])
def test_training_reads_pairs_as_prediction_does(rule):
    pairs = [("a b c d e f . a b c d e f .", ["f"]), ("a", ["b"]), ("a b", ["c " * 9])]
    found = encoded(pairs, rule)
    learned = tokenize([PAIRS.join(*one) for one in pairs], tokenizer(), 12, rule, pairs=True)
    assert learned.windows.tolist() == found.windows.tolist()
    for index, row in enumerate(found.ids):
        assert np.array_equal(learned.row(index), row)


def test_a_sign_in_a_text_is_no_border():
    (row,) = encoded([("a \u241e b", ["c \u241e d"])]).ids
    ids, types = apart(row)
    assert ids.tolist() == [2, 4, 5, 3, 6, 7, 3]
    assert types.sum() == 3


def test_a_tokenizer_without_a_border_is_refused():
    with pytest.raises(ConfigError, match="puts nothing between the two texts"):
        PairReader.of(tokenizer("$A $B"), 12)
    with pytest.raises(PredictorError, match="puts nothing between"):
        encoded([("a", ["b"])], pair="$A $B")


def test_a_length_without_room_for_two_is_refused():
    with pytest.raises(ConfigError, match="maxlen 4 leaves no room for two texts"):
        PairReader.of(tokenizer(), 4)
