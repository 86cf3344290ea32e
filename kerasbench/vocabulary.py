"""The names of metrics and tags in the store: stable, because other tools and saved stores depend on them.

Here are the names that one module writes and another reads, each with its meaning as a comment, from which
docs/reference.md is generated. Metrics of load are named in nvml.py and telemetry.py.
"""

DEVICES = "settings.devices"  # the setting, as a param and in the names of competitors


class Metric:
    """Metrics: one of an epoch has the epoch, counted from 1, as its step; one of the run has step 0."""

    LOSS = "loss"  # mean training loss of the epoch
    ACCURACY = "accuracy"  # mean training accuracy of the epoch
    VAL_LOSS = "val_loss"  # loss on the test set after the epoch
    VAL_ACCURACY = "val_accuracy"  # accuracy on the test set after the epoch
    EPOCH_SECONDS = "epoch_seconds"  # duration of the epoch's training, without validation
    VALIDATION_SECONDS = "validation_seconds"  # duration of the validation after the epoch
    FIT = "fit"  # of a script that calls `fit` more than once: which call the epoch is of, counted from 0
    # time from the start of the worker process (with MlflowCallback: from the start of `fit`) to the end of the epoch
    ELAPSED_SECONDS = "elapsed_seconds"
    EXAMPLES_PER_SECOND = "examples_per_second"  # training examples divided by `epoch_seconds`

    EPOCH_END_RSS_MIB = "epoch_end_rss_mib"  # resident memory of the worker process at the end of the epoch, in MiB
    # GPU memory that the framework's arrays take at the end of the epoch, without what it has only reserved, in MiB
    EPOCH_END_DEVICE_MIB = "epoch_end_device_mib"
    # the most GPU memory that they took in the epoch and its validation (jax: since the start), in MiB
    EPOCH_PEAK_DEVICE_MIB = "epoch_peak_device_mib"

    START_SECONDS = "start_seconds"  # start of the worker's Python interpreter
    IMPORT_SECONDS = "import_seconds"  # import of Keras and its framework
    LOAD_SECONDS = "load_seconds"  # loading of the prepared data
    BUILD_SECONDS = "build_seconds"  # building and compiling the model and setting its initial weights
    BEFORE_FIT_SECONDS = "before_fit_seconds"  # of a script: from its start to its first `fit`
    FIRST_EPOCH_SECONDS = "first_epoch_seconds"  # the first epoch, which includes one-time compilation
    STEADY_EPOCH_SECONDS = "steady_epoch_seconds"  # median of `epoch_seconds` after the first epoch
    COMPILE_SECONDS = "compile_seconds"  # `first_epoch_seconds` minus `steady_epoch_seconds`, at least 0
    # from the start of the worker process to the end of its first epoch: start, import, load, build, probe, compilation
    # and training; with MlflowCallback: from the start of `fit`
    TIME_TO_FIRST_EPOCH_SECONDS = "time_to_first_epoch_seconds"
    TOTAL_SECONDS = "total_seconds"  # `elapsed_seconds` of the last epoch
    PEAK_RSS_MIB = "peak_rss_mib"  # largest resident memory of the worker process, in MiB
    PEAK_DEVICE_MIB = "peak_device_mib"  # largest `epoch_peak_device_mib`
    # by how much `epoch_end_rss_mib` grows an epoch; absent where it does not grow steadily, or by less than 4 MiB
    RSS_GROWTH_MIB = "rss_growth_mib"
    DEVICE_GROWTH_MIB = "device_growth_mib"  # the same of `epoch_end_device_mib`, from 1 MiB on
    PARITY_PROBE_LOSS = "parity_probe_loss"  # loss of the initial weights on the first 128 training examples
    PARITY_MAX_DEVIATION = "parity_max_deviation"  # task parity: largest relative deviation of a loss

    OF_EPOCH = (
        LOSS, ACCURACY, VAL_LOSS, VAL_ACCURACY,
        EPOCH_SECONDS, VALIDATION_SECONDS, ELAPSED_SECONDS, EXAMPLES_PER_SECOND,
        EPOCH_END_RSS_MIB,
    )  # fmt: skip
    OF_EPOCH_ON_GPU = (EPOCH_END_DEVICE_MIB, EPOCH_PEAK_DEVICE_MIB)
    OF_RUN = (
        FIRST_EPOCH_SECONDS, STEADY_EPOCH_SECONDS, COMPILE_SECONDS, TIME_TO_FIRST_EPOCH_SECONDS, TOTAL_SECONDS,
        PEAK_RSS_MIB,
    )  # fmt: skip
    LARGER_IS_BETTER = (ACCURACY, VAL_ACCURACY, EXAMPLES_PER_SECOND)


class Tag:
    """Tags."""

    TASK = "task"  # `train` or `parity`
    BACKEND = "backend"  # the backend's name
    MODEL = "model"  # the model's name
    SWEEP = "sweep"  # one id for all runs of one command
    CELLS = "sweep.cells"  # a hash that is equal for sweeps over the same cells, however often they repeat them
    SWEEP_OWNER = "sweep.owner"  # the process of the command that the run is a job of; as `owner`
    OWN_CPUS = "own.cpus"  # the logical processors that the run was bound to, such as 0-3; none: all of the machine's
    OWN_GPU = "own.gpu"  # the GPU that no other job of kerasbench used, as CUDA_VISIBLE_DEVICES names it
    VARIANT = "variant"  # the overrides, besides the backend, that make this run a competitor of its own
    COMPETITOR = "competitor"  # the backend, and its variant if it has one: what rankings and groups in MLflow compare
    LABEL = "label"  # the user's own name for the run (`label=`)
    FAILURE = "failure"  # why a FAILED run failed, in one line
    NOISE = "noise"  # what disturbed the measurement, in one line: other processes on the CPU or the GPUs, slowed GPUs
    CLOCK = "clock"  # how the system's clock was set during the run, in one line
    RECORD = "record"  # the id of the run's durable record
    VALIDATION = "validation"  # `in epoch_seconds` where Keras does not say when an epoch's validation begins
    OWNER = "owner"  # the process that the run belongs to: host, boot, process id, start time
    KIND = "kind"  # on a run that measured nothing: `reference` (a published figure) or `report` (a report page)
    SOURCE = "source"  # where a published figure was published
    NOTE = "note"  # a remark on a published figure

    KERAS_VERSION = "keras.version"  # the Keras version
    BACKEND_VERSION = "backend.version"  # the framework's version
    PYTHON_VERSION = "python.version"  # the Python version of the worker
    DATA_NAME = "data.name"  # the data set's name; of a stand-in, the stand-in's name
    DATA_DIGEST = "data.digest"  # SHA-256 of the prepared arrays
    DATA_SOURCE = "data.source"  # `real`, `embedded` or `own`
    HARDWARE = "hardware."  # prefix of the tags that describe the machine
    CPU = HARDWARE + "cpu"  # the processor's name
    CORES = HARDWARE + "cores"  # the number of physical cores that the process may use
    GPU = HARDWARE + "gpu"  # the names of the GPUs, or `none`
    FINGERPRINT = HARDWARE + "fingerprint"  # a hash that is equal on equal machines
    BUILD = "build"  # the GPU build that the run used; `own`: the user's environment on a GPU; none: a CPU build
    CONFIG_HASH = "config.hash"  # a hash that is equal for runs of the same configuration
    COMPARISON_HASH = "comparison.hash"  # a hash that is equal for runs that may be ranked together
    MEASUREMENT = "measurement"  # the version of what is measured, and how
    ENVIRONMENT = "environment"  # a hash that is equal for runs of one backend in the same software, configured alike
    PACKAGES = "packages"  # all packages, if the user's own are among them; the first 8000 characters of packages.txt
    IN_FORCE = "in_force."  # prefix of the settings in effect, as the running framework reports them
    COMPILATION = IN_FORCE + "compilation"  # how the training step was compiled: `XLA`, `graph`, `eager`, ...
    COMMAND = "command"  # the command line
    GIT_COMMIT = "git.commit"  # the commit of the kerasbench checkout
    GIT_DIRTY = "git.dirty"  # `true` if files of the checkout differ from the commit


class Kind:
    """The kinds of runs that measured nothing."""

    REFERENCE = "reference"  # a published figure
    REPORT = "report"  # a report page
