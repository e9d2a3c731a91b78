//! Two network namespaces joined by a virtual cable, so that packets cross a device.
//!
//! A namespace belongs to its thread and ends with it, the cable with them: nothing is left behind
//! and nothing of the host is touched.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::mpsc;

const LEFT: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 2);

/// Runs each body on a thread of its own in a namespace of its own, with its address and that of
/// the other. Where this user may not have them, says so and runs none.
pub(crate) fn on_veth(
    left: impl FnOnce(Ipv4Addr, Ipv4Addr) + Send,
    right: impl FnOnce(Ipv4Addr, Ipv4Addr) + Send,
) {
    std::thread::scope(|scope| {
        let (tell_thread, thread) = mpsc::channel();
        let (tell_joined, joined) = mpsc::channel();
        scope.spawn(move || {
            if tell_thread.send(enter_namespace()).is_ok() && joined.recv().is_ok() {
                set_up("right", RIGHT).unwrap();
                right(RIGHT, LEFT);
            }
        });
        scope.spawn(move || {
            let join = |other: Result<u32, String>| {
                let (other, _) = (other?, enter_namespace()?);
                ip(&format!("link add left type veth peer name right netns {other}"))?;
                set_up("left", LEFT)
            };
            match join(thread.recv().unwrap()) {
                Ok(()) => {
                    tell_joined.send(()).unwrap();
                    left(LEFT, RIGHT);
                }
                Err(error) => eprintln!("SKIPPED on veth: {error}"),
            }
        });
    });
}

/// Puts this thread into a new namespace, and gives the thread's number.
fn enter_namespace() -> Result<u32, String> {
    // SAFETY: a network namespace of the calling thread touches neither memory nor descriptors.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    Ok(rustix::thread::gettid().as_raw_nonzero().get() as u32)
}

fn set_up(device: &str, address: Ipv4Addr) -> Result<(), String> {
    ip(&format!("address add {address}/24 dev {device}"))?;
    ip(&format!("link set {device} up"))
}

/// Runs `ip` of iproute2 in this thread's namespace.
fn ip(arguments: &str) -> Result<(), String> {
    let ran = Command::new("ip").args(arguments.split(' ')).output();
    let ran = ran.map_err(|error| format!("ip (iproute2): {error}"))?;
    let problem = || format!("ip {arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.status.success().then_some(()).ok_or_else(problem)
}
