//! Two network namespaces of a test's own, joined by a veth pair: what crosses a device is sent
//! from one to the other.
//!
//! A socket lives in the namespace in which its thread was when it was made. So one thread, and one
//! runtime, can hold sockets of both sides.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use taut::net::Interface;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/netns.sh");

/// What the script ends with where this host can't.
const UNABLE: i32 = 3;

/// The device on each side, as the script names it.
pub(crate) const DEVICE: &str = "veth0";

/// One end of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

use Side::{A, B};

impl Side {
    pub(crate) fn v4(self) -> IpAddr {
        Ipv4Addr::new(10, 77, 0, if self == A { 1 } else { 2 }).into()
    }

    pub(crate) fn v6(self) -> IpAddr {
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, if self == A { 1 } else { 2 }).into()
    }

    /// Its addresses of both families.
    pub(crate) fn addresses(self) -> [IpAddr; 2] {
        [self.v4(), self.v6()]
    }
}

/// Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Pair {
    prefix: String,
}

impl Pair {
    /// A new pair; `None`, with the reason on standard error, where the host can't make one.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let pair = Self { prefix: format!("taut-test-{}-{count}", std::process::id()) };
        // Of a process of that number that was killed.
        pair.script("down");
        let made = pair.script("up");
        let told = String::from_utf8_lossy(&made.stderr);
        if made.status.code() == Some(UNABLE) {
            eprintln!("SKIPPED: {told}");
            return None;
        }
        assert!(made.status.success(), "{told}");
        Some(pair)
    }

    fn script(&self, command: &str) -> Output {
        Command::new(SCRIPT).args([command, &self.prefix]).output().expect("bash is there")
    }

    /// The name of a side's namespace.
    pub(crate) fn namespace(&self, side: Side) -> String {
        format!("{}-{}", self.prefix, if side == A { 'a' } else { 'b' })
    }

    /// Runs `work` with this thread in the namespace of a side, and brings it back, also where it
    /// panics.
    pub(crate) fn inside<T>(&self, side: Side, work: impl FnOnce() -> T) -> T {
        struct Home(File);

        impl Drop for Home {
            fn drop(&mut self) {
                enter(&self.0);
            }
        }

        let _home = Home(File::open("/proc/thread-self/ns/net").unwrap());
        enter(&File::open(format!("/run/netns/{}", self.namespace(side))).unwrap());
        work()
    }

    /// The device of a side. Numbers are of a namespace: use it with sockets of that side.
    pub(crate) fn interface(&self, side: Side) -> Interface {
        self.inside(side, || Interface::by_name(DEVICE).unwrap())
    }

    /// Calls `ip` on a side.
    pub(crate) fn ip(&self, side: Side, arguments: &str) {
        let namespace = self.namespace(side);
        let command = ["-n", &namespace].into_iter().chain(arguments.split_whitespace());
        let output = Command::new("ip").args(command).output().expect("the script found it");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip -n {namespace} {arguments}: {told}");
    }

    /// Takes the carrier away from both sides.
    pub(crate) fn cut(&self) {
        self.ip(B, &format!("link set {DEVICE} down"));
    }

    /// Gives it back, and the addresses that IPv6 loses with it.
    pub(crate) fn mend(&self) {
        self.ip(B, &format!("link set {DEVICE} up"));
        self.ip(B, &format!("address replace {}/64 dev {DEVICE} nodad", B.v6()));
        self.ip(B, &format!("route replace 224.0.0.0/4 dev {DEVICE}"));
    }
}

fn enter(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

impl Drop for Pair {
    fn drop(&mut self) {
        let removed = self.script("down");
        if !removed.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&removed.stderr));
        }
    }
}
