"""The only package that uses MLflow: it writes runs, reads them, and serves the pages that compare them."""

# Whether the process is a user's own, which keeps its settings of MLflow and of logging; set before MLflow is imported.
in_users_process = False
