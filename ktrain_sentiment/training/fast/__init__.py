"""Faster training of BERT-like encoders on CPUs: the same mathematics on the same weights."""
