#!/bin/bash
# run.sh [WORKLOAD...]: Adjoint and its peers on the workloads (default: the whole
# ones that Adjoint has; ops: all single operations), one after another, then a markdown
# table.
#   PEERS="mlx adjoint jax"   which peers; also mlx+openblas, torch-eager, torch-compile
#   RUNS=1                    how often; the table has each cell's minimum and says the spread
#   OUT=file.jsonl            where the lines go (default: $PB_WORK/results/TIME.jsonl)
#   PB_WORK=folder            environments, inputs and results (default: out/bench in the repository)
#   PLOT=file.svg             also draws Adjoint's time over the fastest peer's, as SVG or PNG
case ${PLOT:-} in "" | /*) ;; *) export PLOT=$PWD/$PLOT ;; esac
cd "$(dirname "$0")" || exit 1
W=${PB_WORK:-$PWD/../out/bench}; export PB_WORK=$W
PEERS=${PEERS:-mlx adjoint jax}
mkdir -p "$W/results" "$W/tmp" "$W/data"
export PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE # which would keep it from the processor's own kernels
MLX=$W/mlx/bin/python; PY=$W/peers/bin/python; FAST=$W/libfastblas.so
OUT=${OUT:-$W/results/$(date +%Y%m%d-%H%M%S).jsonl}
if [ ! -e "$FAST" ]; then ./setup.sh || exit 1; fi
(cd .. && go build -o "$W/adjoint" ./cmd/adjoint) || exit 1
[ "$W/data/index.json" -nt data.py ] || "$PY" data.py "$W/data" >&2 || exit 1
names() { "$W/adjoint" bench --list "$@" | cut -d' ' -f1; }
[ $# -gt 0 ] || set -- $(names)
OURS=$(names; names ops; echo ops)
: > "$OUT"

box() { # load and stolen time, so that a noisy run can be told
  echo "{\"peer\":\"_box\",\"at\":\"$1\",\"t\":$(date +%s),\"load1\":$(cut -d' ' -f1 /proc/loadavg),\"steal_ticks\":$(awk '/^cpu /{print $9}' /proc/stat)}" >> "$OUT"
}
one() { # name, command...
  local name=$1; shift
  box "$name"
  timeout -k 5 600 "$@" 2>>"$OUT.log" | tee -a "$OUT" | grep -o '"workload": *"[^"]*"' | cut -d'"' -f4 | tr '\n' ' ' | sed "s/^/$name: /" >&2
  [ "${PIPESTATUS[0]}" = 0 ] || echo "$name failed; see $OUT.log" >&2
  echo >&2
}
for _ in $(seq "${RUNS:-1}"); do
  for p in $PEERS; do
    case $p in
      adjoint)
        mine=$(for w in "$@"; do grep -qx "$w" <<< "$OURS" && echo "$w"; done)
        [ -z "$mine" ] || one adjoint "$W/adjoint" bench --json --data "$W/data" $mine ;;
      mlx) one mlx env -u LD_PRELOAD "$MLX" mlx_peer.py "$@" ;;
      mlx+openblas) one mlx+openblas env LD_PRELOAD="$FAST" "$MLX" mlx_peer.py "$@" ;;
      jax) one jax "$PY" jax_peer.py "$@" ;;
      torch-eager) one torch-eager env PB_TORCH=eager "$PY" torch_peer.py "$@" ;;
      torch-compile) one torch-compile env PB_TORCH=compile "$PY" torch_peer.py "$@" ;;
      *) echo "run.sh: there is no peer $p" >&2; exit 1 ;;
    esac
  done
done
box end
echo "# $OUT"
"$PY" table.py "$OUT"
