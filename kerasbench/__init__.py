"""Which Keras backend should train my model on my hardware?

This file stays empty of imports: Python 3.6 reads it when it runs `kerasbench.worker`.
"""
