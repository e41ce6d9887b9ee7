"""Training: everything that needs TensorFlow and ktrain lives here.

`backend.py` is the only door to TensorFlow and ktrain. The arithmetic of batches, learning rates
and schedules is plain NumPy beside it, and can be used and tested without either.
"""
