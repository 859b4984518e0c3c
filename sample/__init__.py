"""A fictional company's bills, metrics and logs, in each cloud's own delivery format.

Everything is drawn from a seed: the same seed, scale and day give the same bytes.
``sample.company.generate`` is the only thing others call.
"""
