#!/usr/bin/env bash
# A Slurm cluster of one node on the loopback interface, for tests. As root:
#   slurm_node.sh install         Debian's packages
#   slurm_node.sh start FOLDER    daemons, configuration, logs and state, all in FOLDER
#   slurm_node.sh stop FOLDER     cancels jobs, ends the daemons, removes the links in /etc/slurm
# Neither systemd nor cgroups nor accounting is needed. The node claims more processors and memory
# than there may be, so that the demands of profiles/slurm fit; its two GPUs are empty devices.
set -euo pipefail

gpus=2
partitions=(cpu gpu)

install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends slurm-wlm munge
}

configure() {
    mkdir -p "$folder"/{dev,jobs,logs,pids,state}
    (umask 077 && mkdir -p "$folder/munge")
    if [ ! -e "$folder/munge/key" ]; then
        (umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
    fi
    # Slurm refuses GPUs without a device file; these are twins of /dev/null
    for ((gpu = 0; gpu < gpus; gpu++)); do
        [ -e "$folder/dev/nvidia$gpu" ] || mknod "$folder/dev/nvidia$gpu" c 1 3
    done
    # nvidia_gpu_env: jobs find their devices in CUDA_VISIBLE_DEVICES, as on a real node
    echo "NodeName=localhost Name=gpu File=$folder/dev/nvidia[0-$((gpus - 1))] Flags=nvidia_gpu_env" \
        >"$folder/gres.conf"

    cat >"$folder/slurm.conf" <<CONF
ClusterName=onenode
# Loopback alone, away from the usual ports
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=27817
SlurmdPort=27818
SrunPortRange=27820-27899
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny

SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/pids/munge.socket

StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/jobs
SlurmctldPidFile=$folder/pids/slurmctld
SlurmdPidFile=$folder/pids/slurmd
SlurmctldLogFile=$folder/logs/slurmctld.log
SlurmdLogFile=$folder/logs/slurmd.log
# Every job that ended, one line each: what the test reads afterwards
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/logs/jobs.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none

# What works in a container
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none

SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
# Seconds in which squeue still shows a job that ended, Slurm's default
MinJobAge=300
# Seconds between SIGTERM and SIGKILL of a cancelled job
KillWait=5

NodeName=localhost NodeAddr=127.0.0.1 NodeHostname=$(hostname -s) CPUs=4 RealMemory=32000 Gres=gpu:$gpus State=UNKNOWN
$(printf 'PartitionName=%s Nodes=localhost MaxTime=2-0 State=UP\n' "${partitions[@]}")
CONF
}

start() {
    # The plugin for Snakemake drops SLURM_CONF: the configuration must be at its default place
    for name in slurm.conf gres.conf; do
        if [ -e "/etc/slurm/$name" ]; then
            echo "error: /etc/slurm/$name exists: this machine belongs to a cluster." >&2
            exit 2
        fi
    done
    configure
    mkdir -p /etc/slurm
    ln -s "$folder/slurm.conf" "$folder/gres.conf" /etc/slurm/
    munged --key-file="$folder/munge/key" --socket="$folder/pids/munge.socket" \
        --pid-file="$folder/pids/munged" --seed-file="$folder/munge/seed" \
        --log-file="$folder/logs/munged.log"
    slurmctld
    slurmd -N localhost
    for _ in $(seq 300); do
        if [ "$(sinfo --noheader --Node --partition="${partitions[0]}" --format=%T 2>&1)" = idle ]; then
            return
        fi
        sleep 0.1
    done
    echo "error: the node did not become idle. The last lines of $folder/logs:" >&2
    tail -n 5 "$folder"/logs/*.log >&2
    exit 1
}

stop() {
    if [ -s "$folder/pids/slurmctld" ]; then
        # first, or a job would outlive the daemons
        timeout 10 scancel --user=root || true
        for _ in $(seq 100); do
            [ -n "$(timeout 5 squeue --noheader 2>&1)" ] || break
            sleep 0.1
        done
    fi
    for name in slurmd slurmctld munged; do
        if [ -s "$folder/pids/$name" ]; then
            end "$(cat "$folder/pids/$name")"
        fi
    done
    for name in slurm.conf gres.conf; do
        if [ "$(readlink "/etc/slurm/$name")" = "$folder/$name" ]; then
            rm "/etc/slurm/$name"
        fi
    done
}

end() { # a process, by its id
    kill "$1" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1"
}

action=${1:?install, start or stop}
[ "$action" = install ] || folder=$(realpath -m "${2:?a folder}")
"$action"
