"""The only room that knows MLflow: it writes runs, reads them back, and serves the pages that compare them."""
