#!/bin/sh
# Check and measure a CUDA card in under eight minutes, without network:
#
#     benchmarks/gpu_check.sh OUT_FOLDER                      # with the python3 on PATH
#     benchmarks/gpu_check.sh --python PATH OUT_FOLDER        # with another, or PYTHON=PATH
#     benchmarks/gpu_check.sh --rehearse OUT_FOLDER           # on the CPU, with tiny numbers
#
# OUT_FOLDER/gpu.md is the page, gpu.json its figures, gpu.log what the parts said. docs/gpu.md says
# what the Python needs.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
if [ "${1:-}" = --python ]; then
    python=${2:?--python needs a path}
    shift 2
fi
export PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m benchmarks.gpu_check "$@"
