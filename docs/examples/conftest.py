"""Each folder here is a package of its own, as an outsider would write it.

Its tests run in it, with its own settings: `tests/core/test_docs_examples.py` does that.
"""

collect_ignore_glob = ["*"]
