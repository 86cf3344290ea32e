"""The names under which a store keeps what was measured: stable, for other tools and saved stores read them.

Those that one module writes and another reads; a GPU's metrics, which have its number in them, are named in nvml.py and
telemetry.py.
"""


class Metric:
    """Metrics: those of an epoch have it as their step, counted from 1; those of a run stand at step 0."""

    LOSS = "loss"
    ACCURACY = "accuracy"
    VAL_LOSS = "val_loss"
    VAL_ACCURACY = "val_accuracy"
    EPOCH_SECONDS = "epoch_seconds"  # training only
    VALIDATION_SECONDS = "validation_seconds"
    ELAPSED_SECONDS = "elapsed_seconds"  # since the worker was started
    EXAMPLES_PER_SECOND = "examples_per_second"

    START_SECONDS = "start_seconds"  # of the worker's interpreter
    IMPORT_SECONDS = "import_seconds"
    LOAD_SECONDS = "load_seconds"
    BUILD_SECONDS = "build_seconds"
    FIRST_EPOCH_SECONDS = "first_epoch_seconds"
    STEADY_EPOCH_SECONDS = "steady_epoch_seconds"  # the median of the epochs after the first
    COMPILE_SECONDS = "compile_seconds"  # the first epoch minus a steady one
    TOTAL_SECONDS = "total_seconds"
    PEAK_RSS_MIB = "peak_rss_mib"
    PARITY_PROBE_LOSS = "parity_probe_loss"  # of the initial weights, on a fixed batch
    PARITY_MAX_DEVIATION = "parity_max_deviation"  # of a loss from the reference backend's, relative

    OF_EPOCH = (
        LOSS, ACCURACY, VAL_LOSS, VAL_ACCURACY,
        EPOCH_SECONDS, VALIDATION_SECONDS, ELAPSED_SECONDS, EXAMPLES_PER_SECOND,
    )  # fmt: skip
    OF_RUN = (FIRST_EPOCH_SECONDS, STEADY_EPOCH_SECONDS, COMPILE_SECONDS, TOTAL_SECONDS, PEAK_RSS_MIB)


class Tag:
    """Tags."""

    TASK = "task"
    BACKEND = "backend"
    MODEL = "model"
    SWEEP = "sweep"  # one id for all jobs of one command
    VARIANT = "variant"  # the overrides that its sweep varied besides the backend
    COMPETITOR = (
        "competitor"  # the backend, and its variant if it has one: what a ranking and MLflow's groups tell apart
    )
    LABEL = "label"
    FAILURE = "failure"  # of a run that FAILED: one line
    NOISE = "noise"
    RECORD = "record"  # of a run with a durable record: its id
    OWNER = "owner"  # the process that a run belongs to: host, boot, process id, start time
    CLOCK = "clock"  # of a run during which the system's clock was set: one line
    KIND = "kind"  # of a run that measured nothing: a `Kind`
    SOURCE = "source"  # of a published figure
    NOTE = "note"  # on a published figure

    KERAS_VERSION = "keras.version"
    BACKEND_VERSION = "backend.version"
    PYTHON_VERSION = "python.version"
    DATA_NAME = "data.name"
    DATA_DIGEST = "data.digest"
    DATA_SOURCE = "data.source"
    HARDWARE = "hardware."  # the beginning of those that describe the machine
    CPU = HARDWARE + "cpu"
    CORES = HARDWARE + "cores"
    GPU = HARDWARE + "gpu"  # the GPUs' names, or `none`
    FINGERPRINT = HARDWARE + "fingerprint"  # equal on equal machines
    CONFIG_HASH = "config.hash"  # equal for runs of one experiment
    COMPARISON_HASH = "comparison.hash"  # equal for runs that may be ranked together
    MEASUREMENT = "measurement"  # the version of what is measured, and how
    ENVIRONMENT = "environment"  # equal for runs of one backend in the same software, configured alike
    IN_FORCE = "in_force."  # the beginning of those that tell a setting as the running framework has it
    COMMAND = "command"
    GIT_COMMIT = "git.commit"
    GIT_DIRTY = "git.dirty"


class Kind:
    """What a run is that measured nothing."""

    REFERENCE = "reference"  # a published figure
    REPORT = "report"
