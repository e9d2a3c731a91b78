//! Which interface has an address: a walk through the C library's list of them.
//!
//! Invariant: the list is read while it is ours, and freed once.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The name of the interface that has this address.
pub(super) fn name_of(address: IpAddr) -> io::Result<Option<String>> {
    let mut list = std::ptr::null_mut();
    // SAFETY: the function writes a list to `list`, which is ours until it is freed.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = None;
    let mut next = list;
    // SAFETY: `next` is null or an entry of the list, which lives until `freeifaddrs`.
    while let Some(entry) = unsafe { next.as_ref() } {
        if address_of(entry) == Some(address) {
            // SAFETY: the name of an entry is a string of C.
            let name = unsafe { CStr::from_ptr(entry.ifa_name) };
            found = Some(name.to_string_lossy().into_owned());
            break;
        }
        next = entry.ifa_next;
    }
    // SAFETY: the list came from `getifaddrs`, and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// The IP address of an entry; others are of links.
fn address_of(entry: &libc::ifaddrs) -> Option<IpAddr> {
    // SAFETY: an entry's address is null or a structure that begins with its family.
    let family = unsafe { entry.ifa_addr.as_ref() }?.sa_family;
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: of this family the address is such a structure.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => {
            // SAFETY: of this family the address is such a structure.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_addresses_and_nobody_has_one_for_documentation() {
        assert_eq!(name_of("127.0.0.1".parse().unwrap()).unwrap().as_deref(), Some("lo"));
        assert_eq!(name_of("192.0.2.77".parse().unwrap()).unwrap(), None);
        assert_eq!(name_of("2001:db8::77".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn each_address_is_found_at_the_interface_where_the_kernel_lists_it() {
        // Address, index, prefix, scope, flags, name; no file where there is no IPv6.
        let list = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        let listed: Vec<(IpAddr, &str)> = list
            .lines()
            .map(|line| {
                let address = u128::from_str_radix(&line[..32], 16).unwrap();
                (Ipv6Addr::from_bits(address).into(), line.split_whitespace().last().unwrap())
            })
            .collect();
        for (address, _) in &listed {
            let found = name_of(*address).unwrap();
            // Link-local addresses may be those of several interfaces.
            let holds =
                |(one, name): &(IpAddr, &str)| one == address && found.as_deref() == Some(name);
            assert!(listed.iter().any(holds), "{address}: {found:?}");
        }
        for unspecified in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
            assert_eq!(name_of(unspecified).unwrap(), None);
        }
    }
}
