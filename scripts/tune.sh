#!/usr/bin/env bash
# Applies what of a low-latency host can be set while it runs, and takes it back.
#
#   scripts/tune.sh init|check|undo [--cores LIST] [--nic INTERFACE] [--dry-run]
#
# init   sets what is not as wanted: governor `performance` on the cores, every IRQ and the kernel's
#        workqueues off them, 8 huge pages of 2 MiB for each of them on their node, transparent huge
#        pages `madvise`, no timer migration, no NMI watchdog, no NUMA balancing, no KSM, memory
#        statistics every 10 s at most. Huge pages and the interval are raised, never lowered.
#        With --nic also that interface's receive interrupts at once (ethtool: adaptive-rx off,
#        rx-usecs 0). Each change is recorded before it is made; a second init adds to the record,
#        and keeps the values of before the first.
# check  tells what is not as wanted, or no longer as init left it. Changes nothing, needs no root.
# undo   restores what init changed, last change first. What somebody else has changed since is
#        told and left alone.
#
# --cores is the list of the engine's cores, as 2,3 or 2-5. Without it they are those that the
# kernel was booted to isolate; where there are none, only what concerns the whole host is set.
# --dry-run prints what would be written, and writes nothing.
#
# TAUT_TUNE_STATE is the file of the record (/run/taut-tune). TAUT_TUNE_ROOT is put before every
# path of /proc, /sys and /run: the tests set it.
#
# Ends with 0 when all is as wanted or restored; 1 when something is not, could not be written, or
# was left alone; 2 when the command line or the record is wrong, before anything is changed. What
# needs the kernel's command line is printed by `taut-bench doctor --cores LIST`.
set -euo pipefail

root=${TAUT_TUNE_ROOT:-}
state=${TAUT_TUNE_STATE:-$root/run/taut-tune}
cpu=/sys/devices/system/cpu
huge_pages_per_core=8
cores_max=32768

wrong() { printf 'tune.sh: %s\n' "$*" >&2; exit 2; }
tell() { printf '%-7s %s\n' "$1" "$2"; }

# --- lists and masks of cores -----------------------------------------------------------------

# The cores of a list, one a line; fails where it is none.
expand() {
    local part first last
    [ -n "$1" ] || return 0
    [[ $1 =~ ^[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*$ ]] || return 1
    for part in ${1//,/ }; do
        first=$((10#${part%-*})) last=$((10#${part#*-}))
        [ "$first" -le "$last" ] && [ "$last" -lt "$cores_max" ] || return 1
        seq "$first" "$last"
    done | sort -nu
}

# The list of the cores that come in, one a line.
collapse() {
    awk '{ if (NR > 1 && $1 == last + 1) { last = $1; next }
           if (NR > 1) printf "%s%s", separator, first == last ? first : first "-" last
           if (NR > 1) separator = ","
           first = last = $1 }
         END { if (NR) printf "%s%s", separator, first == last ? first : first "-" last }'
}

# The first list without the cores of the second.
without() {
    comm -23 <(expand "$1" | sort) <(expand "$2" | sort) | sort -n | collapse
}

# A list as the kernel's mask: groups of 32 cores, the lowest last.
mask_of() {
    local core group text='' groups=()
    for core in $(expand "$1"); do
        groups[core / 32]=$((${groups[core / 32]:-0} | 1 << core % 32))
    done
    for ((group = 0; group <= cores_max / 32; group++)); do
        [ "$group" -gt 0 ] && [ -z "${groups[*]:group}" ] && break
        text=$(printf '%08x' "${groups[group]:-0}")${text:+,$text}
    done
    canonical mask "$text"
}

# The list of a mask; fails where it is none.
list_of() {
    local groups index bit
    [[ $1 =~ ^[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{8})*$ ]] || return 1
    IFS=, read -ra groups <<<"$1"
    for ((index = ${#groups[@]} - 1; index >= 0; index--)); do
        for ((bit = 0; bit < 32; bit++)); do
            if ((16#${groups[index]} >> bit & 1)); then
                echo $(((${#groups[@]} - 1 - index) * 32 + bit))
            fi
        done
    done | collapse
}

# --- settings: a file, or ethtool:INTERFACE:NAME ----------------------------------------------

is_there() {
    case $1 in
        ethtool:*) value "$1" >/dev/null 2>&1 ;;
        *) [ -f "$root$1" ] ;;
    esac
}

# The value of a setting.
value() {
    local interface name
    case $1 in
        ethtool:*)
            IFS=: read -r _ interface name <<<"$1"
            ethtool -c "$interface" | awk -v name="$name" '
                name == "adaptive-rx" && $1 == "Adaptive" { text = $3 }
                $1 == name ":" { text = $2 }
                END { if (text == "" || text == "n/a") exit 1; print text }' ;;
        *) cat -- "$root$1" ;;
    esac
}

# Writes a value; what goes wrong is told on standard output.
put() {
    local interface name reason
    case $1 in
        ethtool:*)
            IFS=: read -r _ interface name <<<"$1"
            reason=$(ethtool -C "$interface" "$name" "$2" 2>&1) && return ;;
        *) reason=$({ printf '%s\n' "$2" >"$root$1"; } 2>&1) && return ;;
    esac
    printf '%s' "${reason##*: }"
    return 1
}

# One spelling of a value, by the kind of the setting.
canonical() {
    local text=$2
    case $1 in
        choice) [[ $text =~ \[([^]]*)\] ]] && text=${BASH_REMATCH[1]} ;;
        list) text=$(expand "$text" | collapse) || text=$2 ;;
        mask) text=${text#"${text%%[!0,]*}"}; text=${text:-0} ;;
    esac
    printf '%s' "$text"
}

# A value as it can be written again.
writable() {
    if [ "$1" = choice ]; then canonical "$@"; else printf '%s' "$2"; fi
}

is_as_wanted() { # KIND CURRENT WANTED
    case $1 in
        least) [ "$2" -ge "$3" ] 2>/dev/null ;;
        *) [ "$(canonical "$1" "$2")" = "$(canonical "$1" "$3")" ] ;;
    esac
}

# --- what is wanted -----------------------------------------------------------------------------

# Calls $1 with kind, setting and value for everything that is wanted of this host.
for_each_wanted() {
    local core list irq mask node here
    "$1" choice /sys/kernel/mm/transparent_hugepage/enabled madvise
    "$1" text /proc/sys/kernel/timer_migration 0
    "$1" text /proc/sys/kernel/nmi_watchdog 0
    "$1" text /proc/sys/kernel/numa_balancing 0
    "$1" text /sys/kernel/mm/ksm/run 0
    "$1" least /proc/sys/vm/stat_interval 10
    if [ -n "$nic" ]; then
        "$1" text "ethtool:$nic:adaptive-rx" off
        "$1" text "ethtool:$nic:rx-usecs" 0
    fi
    [ -n "$cores" ] || return 0
    for core in $(expand "$cores"); do
        "$1" text "$cpu/cpu$core/cpufreq/scaling_governor" performance
    done
    for list in "$root"/proc/irq/*/smp_affinity_list; do
        irq=${list#"$root"} irq=${irq%/*}
        # Without a folder of a device nobody handles it, and it never fires.
        compgen -G "$root$irq/*/" >/dev/null || continue
        here=$(without "$(cat "$list")" "$cores")
        "$1" list "$irq/smp_affinity_list" "${here:-$housekeeping}"
    done
    for mask in /proc/irq/default_smp_affinity /sys/devices/virtual/workqueue/cpumask; do
        # What is no mask becomes one of the other cores.
        here=$(list_of "$(cat "$root$mask" 2>/dev/null)") || here=''
        here=$(without "$here" "$cores")
        "$1" mask "$mask" "$(mask_of "${here:-$housekeeping}")"
    done
    for node in "$root"/sys/devices/system/node/node*/; do
        [ -f "$node/cpulist" ] || continue
        here=$(comm -12 <(expand "$(cat "$node/cpulist")" | sort) <(expand "$cores" | sort) | wc -l)
        [ "$here" -eq 0 ] || "$1" least \
            "${node#"$root"}hugepages/hugepages-2048kB/nr_hugepages" $((here * huge_pages_per_core))
    done
}

# --- the record: setting, value before the first init, value that was set -------------------------

# The last line of a setting.
recorded() {
    [ -f "$state" ] || return 0
    awk -F '\t' -v name="$1" '$1 == name { line = $0 } END { print line }' "$state"
}

record() {
    printf '%s\t%s\t%s\n' "$@" >>"$state" && return
    printf "tune.sh: %s can't be written: nothing more is changed\n" "$state" >&2
    exit 1
}

# --- init, check, undo ----------------------------------------------------------------------------

good=0 bad=0 would=0

set_one() { # KIND SETTING WANTED
    local current before reason now
    is_there "$2" || { tell absent "$2"; return; }
    if ! current=$(value "$2" 2>/dev/null); then
        bad=$((bad + 1))
        tell FAILED "$2: can't be read"
        return
    fi
    if is_as_wanted "$1" "$current" "$3"; then good=$((good + 1)); return; fi
    current=$(writable "$1" "$current")
    if [ "$dry" = yes ]; then would=$((would + 1)); tell would "$2: $current -> $3"; return; fi
    before=$(recorded "$2" | cut -f 2)
    record "$2" "${before:-$current}" "$3"
    if ! reason=$(put "$2" "$3"); then
        bad=$((bad + 1))
        tell FAILED "$2: $current -> $3 can't be written: $reason"
        return
    fi
    now=$(writable "$1" "$(value "$2")")
    if is_as_wanted "$1" "$now" "$3"; then
        good=$((good + 1))
        tell set "$2: $current -> $3"
    else
        # So that undo knows it again.
        record "$2" "${before:-$current}" "$now"
        bad=$((bad + 1))
        tell FAILED "$2: $current -> $3, but it is $now"
    fi
}

check_one() { # KIND SETTING WANTED
    local current
    is_there "$2" || { tell absent "$2"; return; }
    seen+=" $2 "
    if ! current=$(value "$2" 2>/dev/null); then
        bad=$((bad + 1)); tell not "$2: can't be read"
    elif is_as_wanted "$1" "$current" "$3"; then
        good=$((good + 1))
    else
        bad=$((bad + 1)); tell not "$2: $(canonical "$1" "$current"), wanted $3"
    fi
}

# The recorded settings, the last change first, each once.
recorded_settings() {
    [ ! -f "$state" ] || awk -F '\t' 'NF == 3 && !($1 in known) { known[$1]; order[++count] = $1 }
        END { for (; count > 0; count--) print order[count] }' "$state"
}

# Which spelling a recorded setting has; `least` is a number like any other here.
kind_of() {
    case $1 in
        */transparent_hugepage/*) echo choice ;;
        */smp_affinity_list) echo list ;;
        */default_smp_affinity | */workqueue/cpumask) echo mask ;;
        *) echo text ;;
    esac
}

check_recorded() {
    local setting current new
    for setting in $(recorded_settings); do
        [[ $seen != *" $setting "* ]] || continue
        new=$(recorded "$setting" | cut -f 3)
        check_one "$(kind_of "$setting")" "$setting" "$new"
    done
}

undo_one() { # SETTING
    local kind line old new current reason
    kind=$(kind_of "$1") line=$(recorded "$1")
    old=$(cut -f 2 <<<"$line") new=$(cut -f 3 <<<"$line")
    if ! current=$(value "$1" 2>/dev/null); then
        bad=$((bad + 1)); left+=("$line"); tell FAILED "$1: can't be read"
    elif is_as_wanted "$kind" "$current" "$old"; then
        good=$((good + 1))
    elif ! is_as_wanted "$kind" "$current" "$new"; then
        bad=$((bad + 1))
        current=$(canonical "$kind" "$current")
        tell foreign "$1: $current is of somebody else and stays (before init: $old)"
    elif [ "$dry" = yes ]; then
        would=$((would + 1)); tell would "$1: $new -> $old"
    elif reason=$(put "$1" "$old"); then
        good=$((good + 1)); tell undone "$1: $new -> $old"
    else
        bad=$((bad + 1)); left+=("$line"); tell FAILED "$1: $new -> $old can't be written: $reason"
    fi
}

undo() {
    local setting
    if [ ! -f "$state" ]; then tell nothing "is recorded in $state"; return; fi
    for setting in $(recorded_settings); do undo_one "$setting"; done
    [ "$dry" = no ] || return 0
    if [ ${#left[@]} -eq 0 ]; then rm -f -- "$state"; return; fi
    # In the order of the changes again, for another undo.
    printf '%s\n' "${left[@]}" | tac >"$state"
}

# --- the command line -----------------------------------------------------------------------------

usage='usage: scripts/tune.sh init|check|undo [--cores LIST] [--nic INTERFACE] [--dry-run]'
command='' cores='' nic='' dry=no seen='' left=() cores_given=no
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        --cores | --nic)
            [ $# -ge 2 ] && [ -n "$2" ] || wrong "$1 needs a value; $usage"
            [ "$1" = --nic ] || cores_given=yes
            declare "${1#--}=$2"; shift 2 ;;
        --dry-run) dry=yes; shift ;;
        init | check | undo)
            [ -z "$command" ] || wrong "$command or $1, not both; $usage"
            command=$1; shift ;;
        *) wrong "$1 is not understood; $usage" ;;
    esac
done
[ -n "$command" ] || wrong "$usage"

choose_cores() {
    local present online missing
    if ! present=$(cat "$root$cpu/present" 2>/dev/null) ||
        ! online=$(cat "$root$cpu/online" 2>/dev/null); then
        wrong "$root$cpu does not tell which cores there are: is /sys mounted?"
    fi
    if [ "$cores_given" = no ]; then
        cores=$(cat "$root$cpu/isolated" 2>/dev/null) || cores=''
        [ -n "$cores" ] || tell note "no core named or isolated: only what is of the whole host"
    fi
    missing=$cores
    expand "$cores" >/dev/null || wrong "--cores $missing is no list of cores: write 2,3 or 2-5"
    cores=$(expand "$cores" | collapse)
    missing=$(without "$cores" "$present")
    [ -z "$missing" ] || wrong "--cores $cores: this host has no core $missing; it has $present"
    housekeeping=$(without "$online" "$cores")
    [ -n "$housekeeping" ] ||
        wrong "--cores $cores are all cores: the kernel needs at least one for its own work"
}

if [ -f "$state" ]; then
    # Only what this program may have written: the values go back to these files.
    awk -F '\t' 'NF != 3 || $1 !~ /^(\/proc\/|\/sys\/|ethtool:)/ || $1 ~ /\.\.|[ *?[]/ { exit 1 }' \
        "$state" || wrong "$state is no record of this program: remove it, or name another one"
fi
if [ -n "$nic" ]; then
    [ -d "$root/sys/class/net/$nic" ] || wrong "--nic $nic: this host has no such interface"
    [[ $nic =~ ^[A-Za-z0-9._-]+$ ]] || wrong "--nic $nic is no name of an interface"
    command -v ethtool >/dev/null || wrong "--nic needs ethtool, which is not installed"
fi
case $command in
    init)
        choose_cores
        if [ "$dry" = no ]; then
            { mkdir -p -- "$(dirname -- "$state")" && : >>"$state"; } 2>/dev/null ||
                wrong "$state can't be written: run as root, or name another in TAUT_TUNE_STATE"
        fi
        for_each_wanted set_one
        # Nothing to undo.
        [ "$dry" = yes ] || [ -s "$state" ] || rm -f -- "$state" ;;
    check) choose_cores; for_each_wanted check_one; check_recorded ;;
    undo) undo ;;
esac
word='as wanted' rest=''
[ "$command" != undo ] || word=restored
[ "$dry" = no ] || rest=", $would would be written"
printf '%s %s, %s not%s\n' "$good" "$word" "$bad" "$rest"
[ "$bad" -eq 0 ]
