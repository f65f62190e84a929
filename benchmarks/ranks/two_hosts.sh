#!/usr/bin/env bash
# Two network namespaces as two hosts, joined by a virtual cable: does a hostfile run work, does a killed host end it?
#
#   sudo benchmarks/ranks/two_hosts.sh [PYTHON] >docs/two_hosts.txt      (default: .venv/bin/python)
#
# Needs root, iproute2 and util-linux.  The namespaces have no way to any network, and are removed at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$(realpath -s "${1:-.venv/bin/python}")
mpiexec=$(dirname "$python")/mpiexec
hosts=(tg-first tg-second)
work=$(mktemp -d)
cleanup() {
    for host in "${hosts[@]}"; do
        for pid in $(ip netns pids "$host" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
        ip netns del "$host" 2>/dev/null || true
        rm -rf "/etc/netns/$host"
    done
    rm -rf "$work"
}
trap cleanup EXIT

for k in 0 1; do
    host=${hosts[k]}
    ip netns add "$host"
    mkdir -p "/etc/netns/$host"
    printf '127.0.0.1 localhost\n10.77.0.1 %s\n10.77.0.2 %s\n' "${hosts[@]}" >"/etc/netns/$host/hosts"
done
ip link add tg-cable0 netns "${hosts[0]}" type veth peer name tg-cable1 netns "${hosts[1]}"
for k in 0 1; do
    in=(ip netns exec "${hosts[k]}")
    "${in[@]}" ip link set lo up
    "${in[@]}" ip addr add "10.77.0.$((k + 1))/24" dev "tg-cable$k"
    "${in[@]}" ip link set "tg-cable$k" up
done
printf '%s slots=2\n' "${hosts[@]}" >"$work/hostfile"

# what mpiexec calls in place of ssh: HOST COMMAND...
cat >"$work/agent" <<'AGENT'
#!/bin/sh
host=$1; shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; cd '$PWD'; $*"
AGENT
chmod +x "$work/agent"

cat >"$work/program.py" <<'PROGRAM'
import os, signal, socket, sys, time
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn import data, models, optim

model = models.build("lenet", (8, 8, 1), 10, 0)
model, optimizer = tg.distributed.parallel(model, optim.Adam(model.parameters(), 4e-3),
                                       elastic="elastic" in sys.argv)
world, (train, test) = optimizer.world, data.digits()
class Die(tg.train.Callback):
    def on_step(self, training):
        if "die" in sys.argv and world.rank == world.size - 1 == 3 and training.step == 20:
            print("died at", time.time(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
tg.fit(model, train, batch_size=16, epochs=5, optimizer=optimizer, seed=0, callbacks=[Die()])
weights = np.concatenate([p.data.reshape(-1) for p in model.parameters()])
places = world.all_gather((socket.gethostname(), weights.tobytes()))
if world.rank == 0:
    print("ranks on", *[host for host, _ in places])
    print("equal bits on all ranks:", len({bits for _, bits in places}) == 1)
    print(f"accuracy {tg.evaluate(model, test)['accuracy']:.3f}")
PROGRAM

run() {  # on both hosts, from the first one; with ulfm a rank that is lost on another host is named too
    ip netns exec "${hosts[0]}" unshare --uts sh -c "hostname ${hosts[0]}; exec \"\$@\"" - \
        env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH="$PWD" \
        timeout 120 "$mpiexec" --with-ft ulfm --prtemca plm_ssh_agent "$work/agent" --prtemca prte_if_include 10.77.0.0/24 \
        --mca btl_tcp_if_include 10.77.0.0/24 --hostfile "$work/hostfile" -n 4 --oversubscribe --bind-to none \
        -x OPENBLAS_NUM_THREADS -x PYTHONPATH "$python" "$work/program.py" "$@" 2>&1
}

echo "$(date -u +'%Y-%m-%d'), $(uname -sr), Python $("$python" -c 'import platform; print(platform.python_version())')"
echo "$("$mpiexec" --version 2>/dev/null | sed -n 1p), two network namespaces, two ranks on each"
echo
echo "== a training"
run
echo
echo "== rank 3, on the second host, is killed"
code=0
run die >"$work/died" || code=$?
ended=$(date +%s.%N)
grep -a '^distributed: ' "$work/died"
awk -v ended="$ended" -v code="$code" '
    /^died at/ { printf "the job ended %.1f s after the death, with exit code %d\n", ended - $3, code }' "$work/died"
echo
echo "== rank 3 is killed again, with elastic=True"
run die elastic | grep -a -v -e "^died at" -e NBC_ -e '^$'
