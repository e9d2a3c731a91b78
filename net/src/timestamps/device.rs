//! What a device can stamp, and having it do so.
//!
//! Two `ioctl`s that take an interface's name and a structure. Invariant: the kernel reads and
//! writes within the structure that it is given, which is as large as its definition. Costs two
//! system calls each, and a socket.

use std::io;
use std::os::fd::AsRawFd;

use crate::Interface;
use crate::interface::any_socket;

// Of <linux/sockios.h> and <linux/ethtool.h>.
const SIOCETHTOOL: u32 = 0x8946;
const SIOCSHWTSTAMP: u32 = 0x89b0;
const ETHTOOL_GET_TS_INFO: u32 = 0x41;

// Of <linux/net_tstamp.h>.
const TX_ON: i32 = 1;
const FILTER_ALL: i32 = 1;
const TX_HARDWARE: u32 = 1;
const TX_SOFTWARE: u32 = 1 << 1;
const RX_HARDWARE: u32 = 1 << 2;
const RX_SOFTWARE: u32 = 1 << 3;

/// What a device can stamp; what `ethtool -T` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampCapabilities {
    /// The kernel stamps what leaves by it.
    pub transmit_software: bool,
    /// The device stamps what leaves by it.
    pub transmit_hardware: bool,
    /// The kernel stamps what comes in by it.
    pub receive_software: bool,
    /// The device stamps what comes in by it.
    pub receive_hardware: bool,
    /// The number of the device's clock: `/dev/ptp` with this number.
    pub clock: Option<u32>,
}

/// `struct ethtool_ts_info`.
#[derive(Default)]
#[repr(C)]
struct Info {
    command: u32,
    flags: u32,
    clock: i32,
    transmit_types: u32,
    transmit_reserved: [u32; 3],
    receive_filters: u32,
    receive_reserved: [u32; 3],
}

/// `struct hwtstamp_config`.
#[repr(C)]
struct Config {
    flags: i32,
    transmit_type: i32,
    receive_filter: i32,
}

impl Interface {
    /// What the device can stamp.
    ///
    /// # Errors
    ///
    /// What the kernel tells, with the interface's name, such as `ENODEV` where there is none.
    ///
    /// ```
    /// use taut_net::Interface;
    ///
    /// let loopback = Interface::by_name("lo")?.timestamp_capabilities()?;
    /// assert!(loopback.receive_software && !loopback.receive_hardware);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timestamp_capabilities(self) -> io::Result<TimestampCapabilities> {
        let mut info = Info { command: ETHTOOL_GET_TS_INFO, ..Info::default() };
        request(self, SIOCETHTOOL, &mut info).map_err(|error| {
            let message = format!("{self} does not tell what it can stamp: {error}");
            io::Error::new(error.kind(), message)
        })?;
        let has = |flag| info.flags & flag != 0;
        Ok(TimestampCapabilities {
            transmit_software: has(TX_SOFTWARE),
            transmit_hardware: has(TX_HARDWARE),
            receive_software: has(RX_SOFTWARE),
            receive_hardware: has(RX_HARDWARE),
            clock: u32::try_from(info.clock).ok(),
        })
    }

    /// Has the device stamp all that comes in and leaves (`SIOCSHWTSTAMP`). It is a setting of the
    /// device: it holds for every socket of the host, and until it is changed.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the device has no clock that stamps; `PermissionDenied` without
    /// `CAP_NET_ADMIN`; `InvalidInput` where it stamps only some packets, as PTP's. The error names
    /// the interface.
    pub fn enable_hardware_timestamps(self) -> io::Result<()> {
        let mut config = Config { flags: 0, transmit_type: TX_ON, receive_filter: FILTER_ALL };
        request(self, SIOCSHWTSTAMP, &mut config).map_err(|error| {
            let show = format!("`ethtool -T {self}` shows what it has");
            let (kind, what) = match error.raw_os_error() {
                Some(libc::EOPNOTSUPP | libc::ENOTTY) => (
                    io::ErrorKind::Unsupported,
                    format!("{self} has no hardware timestamps, {show}"),
                ),
                Some(libc::ERANGE) => (
                    io::ErrorKind::InvalidInput,
                    format!("{self} does not stamp every packet, {show}"),
                ),
                Some(libc::EPERM) => {
                    (error.kind(), format!("to have {self} stamp packets needs CAP_NET_ADMIN"))
                }
                _ => (error.kind(), format!("{self} can't be told to stamp packets")),
            };
            io::Error::new(kind, format!("{what}: {error}"))
        })
    }
}

/// Makes a request of a device, with its argument: the structure of that request.
fn request<T>(interface: Interface, request: u32, argument: &mut T) -> io::Result<()> {
    let name = interface.name()?;
    let socket = any_socket()?;
    // SAFETY: it is integers, a pointer and unions of these, for which zero is a value.
    let mut message: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, byte) in message.ifr_name.iter_mut().zip(name.bytes()) {
        *to = byte.cast_signed();
    }
    message.ifr_ifru.ifru_data = std::ptr::from_mut(argument).cast();
    // SAFETY: the kernel reads `message`, and reads and writes the structure that belongs to this
    // request, as which `argument` is defined; both are borrowed until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request as _, &raw mut message) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_are_as_large_as_the_kernels() {
        assert_eq!((size_of::<Info>(), size_of::<Config>()), (44, 12));
    }

    #[test]
    fn no_byte_is_written_behind_a_structure() {
        #[repr(C)]
        struct Guarded<T> {
            argument: T,
            after: [u8; 256],
        }

        let loopback = Interface::by_name("lo").unwrap();
        let info = Info { command: ETHTOOL_GET_TS_INFO, ..Info::default() };
        let mut info = Guarded { argument: info, after: [0xa5; 256] };
        request(loopback, SIOCETHTOOL, &mut info).unwrap();
        assert_ne!(info.argument.flags, 0, "the kernel wrote it");
        assert_eq!(info.after, [0xa5; 256]);
        let config = Config { flags: 0, transmit_type: TX_ON, receive_filter: FILTER_ALL };
        let mut config = Guarded { argument: config, after: [0xa5; 256] };
        // Loopback stamps nothing, and not everybody may ask it to.
        request(loopback, SIOCSHWTSTAMP, &mut config).unwrap_err();
        assert_eq!(config.after, [0xa5; 256]);
    }

    #[test]
    fn a_device_without_a_clock_says_so() {
        let loopback = Interface::by_name("lo").unwrap();
        let capabilities = loopback.timestamp_capabilities().unwrap();
        assert!(capabilities.receive_software && !capabilities.transmit_hardware);
        assert_eq!(capabilities.clock, None);
        let error = loopback.enable_hardware_timestamps().unwrap_err();
        let expected = [io::ErrorKind::Unsupported, io::ErrorKind::PermissionDenied];
        assert!(expected.contains(&error.kind()), "{error}");
        assert!(error.to_string().contains("lo"), "{error}");
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        let missing = Interface::by_index(99_999);
        assert!(missing.timestamp_capabilities().is_err());
        assert!(missing.enable_hardware_timestamps().is_err());
    }
}
