//! The traits of a descriptor, for types that have one in a field.

/// Implements them for a type by the path of its field; the type may have one generic.
macro_rules! has_descriptor {
    ($type:ident $(<$generic:ident>)?, $($field:ident).+) => {
        impl $(<$generic>)? std::os::fd::AsFd for $type $(<$generic>)? {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(&self.$($field).+)
            }
        }

        impl $(<$generic>)? std::os::fd::AsRawFd for $type $(<$generic>)? {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(self))
            }
        }
    };
}

pub(crate) use has_descriptor;
