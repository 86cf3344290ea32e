"""The only package that uses MLflow: it writes runs, reads them, and serves the pages that compare them."""
