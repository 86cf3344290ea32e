"""What a backend's packages lack after installation, one module each: `apply(environment)` puts it in place."""
