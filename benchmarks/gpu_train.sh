#!/bin/sh
# Train both halves of sghm-lite in ten minutes on one CUDA card, without network:
#
#     benchmarks/gpu_train.sh PACK START RUN OUT_FOLDER                    # with the python3 on PATH
#     benchmarks/gpu_train.sh --python PATH PACK START RUN OUT_FOLDER      # with another, or PYTHON=PATH
#     benchmarks/gpu_train.sh --rehearse PACK START RUN OUT_FOLDER         # on the CPU, a minute
#
# PACK is made by weights.training.pack, START are weights to begin with. RUN gets checkpoints; run it
# again to go on. OUT_FOLDER gets the page, the logs and the weights. docs/gpu.md has the rest.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
if [ "${1:-}" = --python ]; then
    python=${2:?--python needs a path}
    shift 2
fi
export PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m benchmarks.gpu_train "$@"
