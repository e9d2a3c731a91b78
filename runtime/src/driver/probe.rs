//! Why io_uring can't start: turns an errno into a cause and a remedy.

use std::io;

use crate::error::{BuildError, BuildErrorKind};

/// Explains a failed `io_uring_setup`.
pub(crate) fn explain_setup(error: io::Error) -> BuildError {
    let sysctl = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    explain(error, sysctl.ok().as_deref().map(str::trim))
}

fn explain(error: io::Error, sysctl: Option<&str>) -> BuildError {
    use BuildErrorKind::{DeniedBySeccomp, DisabledBySysctl, KernelTooOld, MemoryLimit, System};
    let (kind, what, remedy) = match (error.raw_os_error(), sysctl) {
        (Some(libc::EPERM), Some("2")) => (
            DisabledBySysctl,
            "io_uring is switched off: kernel.io_uring_disabled is 2",
            "an administrator can set it to 0 with sysctl; or use the epoll driver",
        ),
        (Some(libc::EPERM), Some("1")) => (
            DisabledBySysctl,
            "io_uring is kept to privileged processes: kernel.io_uring_disabled is 1",
            "join the group of kernel.io_uring_group, or set the sysctl to 0; or use the epoll \
             driver",
        ),
        (Some(libc::EPERM | libc::EACCES), _) => (
            DeniedBySeccomp,
            "io_uring is denied, although the sysctl allows it: a seccomp filter (containers \
             install one) or a security module",
            "allow io_uring_setup, io_uring_enter and io_uring_register in the profile; or use \
             the epoll driver",
        ),
        (Some(libc::ENOMEM), _) => (
            MemoryLimit,
            "there is not enough memory for the ring",
            "raise `ulimit -l` (RLIMIT_MEMLOCK) or the memory limit of the group, or make the \
             rings smaller",
        ),
        (Some(libc::ENOSYS), _) => (
            KernelTooOld,
            "this kernel has no io_uring",
            "the io_uring driver needs Linux 6.1; use the epoll driver",
        ),
        (Some(libc::EINVAL), _) => (
            KernelTooOld,
            "this kernel refuses the ring's flags: SINGLE_ISSUER or DEFER_TASKRUN is missing",
            "the io_uring driver needs Linux 6.1; use the epoll driver",
        ),
        _ => (System, "io_uring_setup failed", ""),
    };
    BuildError::new(kind, what, remedy, Some(error))
}

/// The error for a kernel that has io_uring, but not a part that the driver needs.
pub(crate) fn missing(part: &str, error: Option<io::Error>) -> BuildError {
    BuildError::new(
        BuildErrorKind::KernelTooOld,
        format!("this kernel's io_uring lacks {part}"),
        "the io_uring driver needs Linux 6.1; use the epoll driver",
        error,
    )
}

/// Whether a multishot accept of this kernel release names a wrong descriptor when the completion
/// queue is full: from 6.2 on, mended in 6.6.18, 6.7.6 and 6.8.
pub(crate) fn accepts_wrong_descriptors(release: &str) -> bool {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let mut next = || numbers.next().unwrap_or(0);
    let version = (next(), next(), next());
    let bad = [((6, 2, 0), (6, 6, 18)), ((6, 7, 0), (6, 7, 6))];
    bad.iter().any(|(first, mended)| (first..mended).contains(&&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_that_name_wrong_descriptors_are_known_by_their_release() {
        for (release, wrong) in [
            ("6.1.0-18-amd64", false),
            ("6.2.0", true),
            ("6.6.17-1.el9", true),
            ("6.6.18", false),
            ("6.7.0-rc1", true),
            ("6.7.6-arch1-1", false),
            ("6.8", false),
            ("6.18.44", false),
            ("unknown", false),
        ] {
            assert_eq!(accepts_wrong_descriptors(release), wrong, "{release}");
        }
    }

    #[test]
    fn each_cause_has_its_own_name_and_remedy() {
        for (code, sysctl, kind, word) in [
            (libc::EPERM, Some("2"), BuildErrorKind::DisabledBySysctl, "io_uring_disabled is 2"),
            (libc::EPERM, Some("1"), BuildErrorKind::DisabledBySysctl, "io_uring_group"),
            (libc::EPERM, Some("0"), BuildErrorKind::DeniedBySeccomp, "seccomp"),
            (libc::EPERM, None, BuildErrorKind::DeniedBySeccomp, "seccomp"),
            (libc::ENOMEM, Some("0"), BuildErrorKind::MemoryLimit, "ulimit -l"),
            (libc::ENOSYS, None, BuildErrorKind::KernelTooOld, "no io_uring"),
            (libc::EINVAL, Some("0"), BuildErrorKind::KernelTooOld, "6.1"),
            (libc::EMFILE, Some("0"), BuildErrorKind::System, "io_uring_setup failed"),
        ] {
            let error = explain(io::Error::from_raw_os_error(code), sysctl);
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
