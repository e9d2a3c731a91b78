#!/usr/bin/env bash
# Makes two network namespaces joined by a pair of veth devices, so that packets cross a device.
#
#   scripts/netns.sh up|down [PREFIX]
#
# up    makes the namespaces PREFIX-a and PREFIX-b (PREFIX is `taut` unless given), each with `lo`
#       up and a device `veth0`: 10.77.0.1/24 and fd77::1/64 in a, 10.77.0.2/24 and fd77::2/64 in b,
#       usable at once (no duplicate address detection), with the routes for multicast. Where they
#       are there already it changes nothing. When a step fails, what was made is removed.
# down  removes what `up` made, and nothing else; where there is nothing it does nothing.
#
#   scripts/netns.sh up && sudo ip netns exec taut-a ping 10.77.0.2
#
# Ends with 0 when all is as wanted; 1 when it is not, such as a namespace of that name that
# somebody else has made; 2 when the command line is wrong; 3 when this host can't: `ip` is missing, or the
# rights to make namespaces.
set -euo pipefail

device=veth0
capabilities_needed=$((1 << 12 | 1 << 21)) # CAP_NET_ADMIN, CAP_SYS_ADMIN

tell() { printf 'netns.sh: %s\n' "$*" >&2; }
wrong() { tell "$*"; exit 2; }
unable() { tell "$*"; exit 3; }

[ $# -ge 1 ] && [ $# -le 2 ] || wrong 'usage: scripts/netns.sh up|down [PREFIX]'
command=$1 prefix=${2:-taut}
[[ $prefix =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$ ]] ||
    wrong "a prefix is letters, digits, '.', '_' and '-', not '$prefix'"
mark="taut-netns $prefix" # the alias of the devices, by which `down` knows its own

check_host() {
    command -v ip >/dev/null || unable "there is no 'ip': install the package iproute2"
    local effective
    effective=$(awk '$1 == "CapEff:" { print $2 }' /proc/self/status)
    [ $((16#$effective & capabilities_needed)) -eq $capabilities_needed ] ||
        unable "making network namespaces needs CAP_SYS_ADMIN and CAP_NET_ADMIN: run it as root"
}

exists() { [ -e "/run/netns/$prefix-$1" ]; }
is_ours() {
    exists "$1" && ip -n "$prefix-$1" -details link show "$device" 2>/dev/null |
        grep -qxF "    alias $mark"
}

# Both sides, or the reason why they are not.
check_names() {
    local side
    for side in a b; do
        if exists $side && ! is_ours $side; then
            tell "the namespace $prefix-$side is there and was not made by this script;" \
                "if nobody needs it: ip netns delete $prefix-$side"
            exit 1
        fi
    done
}

remove() {
    local side
    for side in "$@"; do
        # The device by itself, since a namespace lives as long as a socket in it.
        ip -n "$prefix-$side" link delete "$device" 2>/dev/null || true
        ip netns delete "$prefix-$side"
    done
}

set_up() { # SIDE NUMBER
    local ip=(ip -n "$prefix-$1")
    "${ip[@]}" link set lo up
    "${ip[@]}" link set "$device" alias "$mark"
    "${ip[@]}" address add "10.77.0.$2/24" dev "$device"
    "${ip[@]}" address add "fd77::$2/64" dev "$device" nodad
    "${ip[@]}" link set "$device" up
    # Groups of IPv6 have such a route by themselves.
    "${ip[@]}" route add 224.0.0.0/4 dev "$device"
}

up() {
    check_names
    if exists a && exists b; then return; fi
    local made=()
    trap 'remove "${made[@]}"' EXIT
    if exists a || exists b; then
        tell "half of the pair $prefix is gone: run 'scripts/netns.sh down $prefix' first"
        exit 1
    fi
    local side
    for side in a b; do
        ip netns add "$prefix-$side" || unable "this host does not let namespaces be made"
        made+=("$side")
        # Addresses that the kernel gives by itself are usable at once, too.
        ip netns exec "$prefix-$side" \
            sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
    done
    ip link add "$device" netns "$prefix-a" type veth peer name "$device" netns "$prefix-b"
    set_up a 1
    set_up b 2
    trap - EXIT
}

down() {
    check_names
    local side
    for side in a b; do
        if exists $side; then remove $side; fi
    done
}

case $command in
    up | down) check_host; $command ;;
    *) wrong "it is 'up' or 'down', not '$command'" ;;
esac
