//! Makes the ring and finds out, by asking, what this kernel grants.

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, opcode};
use rustix::thread::CpuSet;

use super::file::FileOperations;
use super::napi::NapiPolling;
use super::provided::BufferRing;
use super::registered::RingName;
use super::ring::{Ring, SLEEP_UNTIL, refusal};
use crate::config::Config;
use crate::driver::Shared;
use crate::driver::probe::{accepts_wrong_descriptors, explain_setup, missing};
use crate::error::BuildError;
use crate::features::Features;
use crate::pin::for_guests;

/// What the table may use beyond the floor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    pub(crate) sends: GrantedSends,
    pub(crate) multishot_accept: bool,
    pub(crate) file_operations: FileOperations,
    pub(crate) napi: Option<NapiPolling>,
}

/// What the kernel does for sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantedSends {
    /// The send pool's region is registered as fixed buffer 0.
    pub(crate) fixed_buffers: bool,
    /// It says which zero-copy sends it copied.
    pub(crate) reports_copies: bool,
}

/// Makes a ring for the calling thread, disabled until everything is registered.
pub(crate) fn build(
    config: &Config,
    shared: &Shared,
    features: &mut Features,
) -> Result<(Ring, Granted), BuildError> {
    let ring = build_ring(config, features)?;
    let probe = check_floor(&ring)?;
    let file_operations = note_file_operations(&probe, features);
    provide_buffers(&ring, shared, config, features)?;
    let fixed_buffers = register_send_pool(&ring, shared, features);
    ring.submitter()
        .register_enable_rings()
        .map_err(|error| BuildError::system("io_uring could not be enabled", error))?;
    let name = name_ring(&ring, features);
    let sleeps_until = try_to_sleep_until(name, features);
    let napi = NapiPolling::register(&ring.submitter(), config.wait, features);
    send_workers_away(&ring, config.core, features);
    note_unused(&ring, config, features);
    let multishot_accept = may_accept_multishot(features);
    // It does from 6.2 on, which no feature tells; this one is of 6.10.
    let reports_copies = ring.params().is_feature_recvsend_bundle();
    let sends = GrantedSends { fixed_buffers, reports_copies };
    let ring = Ring::new(ring, name, sleeps_until);
    Ok((ring, Granted { sends, multishot_accept, file_operations, napi }))
}

fn build_ring(config: &Config, features: &mut Features) -> Result<IoUring, BuildError> {
    let build = |without_array: bool| {
        let mut builder = IoUring::builder();
        builder
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_r_disabled()
            .setup_clamp()
            .setup_cqsize(config.completion_entries)
            .dontfork();
        if without_array {
            builder.setup_no_sqarray();
        }
        builder.build(config.submission_entries)
    };
    let ring = match build(true) {
        Ok(ring) => {
            features.grant("NO_SQARRAY", "");
            ring
        }
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            let ring = build(false).map_err(explain_setup)?;
            features.refuse("NO_SQARRAY", "needs Linux 6.6");
            ring
        }
        Err(error) => return Err(explain_setup(error)),
    };
    for flag in ["SINGLE_ISSUER", "DEFER_TASKRUN", "TASKRUN_FLAG", "SUBMIT_ALL"] {
        features.grant(flag, "");
    }
    let parameters = ring.params();
    features.grant(
        "ring entries",
        format!("{} submissions, {} completions", parameters.sq_entries(), parameters.cq_entries()),
    );
    Ok(ring)
}

/// What a 6.1 kernel has, and the driver can't do without.
fn check_floor(ring: &IoUring) -> Result<Probe, BuildError> {
    if !ring.params().is_feature_nodrop() || !ring.params().is_feature_ext_arg() {
        return Err(missing("NODROP or EXT_ARG", None));
    }
    let mut probe = Probe::new();
    ring.submitter()
        .register_probe(&mut probe)
        .map_err(|error| missing("the probe of operations", Some(error)))?;
    for (code, name) in [
        (opcode::Accept::CODE, "ACCEPT"),
        (opcode::AsyncCancel::CODE, "ASYNC_CANCEL"),
        (opcode::Connect::CODE, "CONNECT"),
        (opcode::PollAdd::CODE, "POLL_ADD"),
        (opcode::Read::CODE, "READ"),
        (opcode::Recv::CODE, "RECV"),
        (opcode::Send::CODE, "SEND"),
        // Multishot receive can't be asked for by itself; it came with SEND_ZC, in 6.0.
        (opcode::SendZc::CODE, "SEND_ZC"),
    ] {
        if !probe.is_supported(code) {
            return Err(missing(name, None));
        }
    }
    Ok(probe)
}

/// Which operations on files the ring does; the blocking pool does the others.
fn note_file_operations(probe: &Probe, features: &mut Features) -> FileOperations {
    let (granted, missing) = FileOperations::probe(probe);
    match missing.as_slice() {
        [] => features.grant("file operations", ""),
        missing => features.grant(
            "file operations",
            format!("without {}, which the blocking pool does", missing.join(", ")),
        ),
    }
    granted
}

fn provide_buffers(
    ring: &IoUring,
    shared: &Shared,
    config: &Config,
    features: &mut Features,
) -> Result<(), BuildError> {
    let provided = BufferRing::register(ring, config.receive_buffers)
        .map_err(|error| missing("provided-buffer rings", Some(error)))?;
    shared.receive_pool.attach(Box::new(provided));
    features.grant(
        "provided buffers",
        format!("{} of {} B", config.receive_buffers, config.receive_buffer_bytes),
    );
    features.grant("multishot receive", "");
    Ok(())
}

/// The one thing that can't be asked for: whether the kernel tells the right descriptor.
fn may_accept_multishot(features: &mut Features) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let wrong = release.is_ok_and(|release| accepts_wrong_descriptors(&release));
    if wrong {
        let reason = "this kernel can name a wrong descriptor (axboe/liburing#1062)";
        features.refuse("multishot accept", reason);
    } else {
        features.grant("multishot accept", "");
    }
    !wrong
}

/// Registers the send pool, so that no send of a `TxBuf` has to pin its pages.
fn register_send_pool(ring: &IoUring, shared: &Shared, features: &mut Features) -> bool {
    let region = shared.send_pool.region();
    let buffer = libc::iovec { iov_base: region.start().as_ptr().cast(), iov_len: region.bytes() };
    // SAFETY: the region is mapped, and the table keeps the pool until the ring is closed.
    let outcome = unsafe { ring.submitter().register_buffers(&[buffer]) };
    let granted = outcome.is_ok();
    features.record("registered send buffers", refusal(outcome));
    granted
}

fn name_ring(ring: &IoUring, features: &mut Features) -> RingName {
    let (name, outcome) = match RingName::register(ring) {
        Ok(name) => (name, Ok(())),
        Err(error) => (RingName::descriptor(ring), Err(error)),
    };
    features.record("registered ring fd", refusal(outcome));
    name
}

/// Asks, with a time that has passed, whether an `enter` takes a point in time.
fn try_to_sleep_until(name: RingName, features: &mut Features) -> bool {
    let passed = Timespec::new();
    let arguments = SubmitArgs::new().timespec(&passed);
    let flags = EnterFlags::GETEVENTS | SLEEP_UNTIL;
    // SAFETY: the ring is open and has no entries; the flags fit the arguments.
    let outcome = unsafe { name.enter(0, 0, flags, Some(&arguments)) };
    let granted = outcome.is_ok();
    features.record("absolute timeouts", refusal(outcome));
    granted
}

/// Keeps the threads that the kernel starts for what it can't do at once (opening a file, syncing)
/// off the pinned cores. They belong to the calling thread, whatever ring they work for; those that
/// an earlier ring of this thread has left stay where they are until they end.
fn send_workers_away(ring: &IoUring, own_core: Option<usize>, features: &mut Features) {
    const NAME: &str = "kernel workers off the pinned cores";
    let allowed = match for_guests() {
        Ok(allowed) => allowed,
        Err(error) => return features.refuse(NAME, error.to_string()),
    };
    // A core that does not exist was forgiven in degraded mode.
    let own_core = own_core.filter(|core| *core < CpuSet::MAX_CPU);
    if own_core.is_some_and(|core| allowed.is_set(core)) {
        return features.refuse(NAME, "there is no other core");
    }
    // SAFETY: a set of cores is a field of bits, all clear here.
    let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)) {
        // SAFETY: the number is below the size of the set.
        unsafe { libc::CPU_SET(core, &mut cores) };
    }
    features.record(NAME, refusal(ring.submitter().register_iowq_aff(&cores)));
}

/// Says why parts of io_uring that a reader may look for are not in use.
fn note_unused(ring: &IoUring, config: &Config, features: &mut Features) {
    match config.zero_copy_send_bytes_min {
        Some(least) => features.grant("zero-copy send", format!("from {least} B on")),
        None => features.not_asked("zero-copy send", "Builder::zero_copy_send_bytes_min"),
    }
    // A sleep that counts as waiting for I/O also keeps the core out of its deepest idle states.
    let iowait =
        if ring.params().is_feature_no_iowait() { "available" } else { "needs Linux 6.15" };
    features.not_asked("NO_IOWAIT", iowait);
    features.not_asked(
        "TX timestamp command",
        "would double the size of every completion; the error queue tells them",
    );
    features.not_asked("SQPOLL", "would need a core of its own");
}
