//! `/etc/hosts`, read and parsed off the core, and kept.
//!
//! Whether it has changed is asked of the file itself, by its device, inode, size and time of
//! change, on a blocking thread, so that the core never waits for a disk: at most once in
//! `hosts_check`, and only when a name is asked for. Between two checks a name in it costs a hash.
//! A file whose change lies less than a second back is read again with the next check, since the
//! clock of file systems is too coarse to tell two changes apart.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// A change that is younger may be followed by one with the same time.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// The names of a hosts file.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    stamp: Option<Stamp>,
    /// In lower case; addresses in the order of the lines.
    names: HashMap<String, Vec<IpAddr>>,
}

/// How a version of a file differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// `None` where it may be changed again without a difference.
    fn of(file: &Metadata) -> Option<Self> {
        let age = file.modified().ok()?.elapsed().unwrap_or_default();
        (age >= SETTLED_AFTER).then(|| Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            changed: (file.mtime(), file.mtime_nsec()),
        })
    }
}

impl Hosts {
    /// What this version of the file is known by.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// The file as it is now, or `None` where it is the known version. Blocks.
    ///
    /// A file that can't be read, or is larger than `bytes_max`, counts as empty: its names are
    /// then found by `getaddrinfo`, which reads it, too.
    pub(super) fn if_changed(path: &Path, known: Option<Stamp>, bytes_max: u64) -> Option<Self> {
        Self::read(path, known, bytes_max).unwrap_or_else(|_| Some(Self::default()))
    }

    fn read(path: &Path, known: Option<Stamp>, bytes_max: u64) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let stamp = Stamp::of(&metadata);
        if stamp.is_some() && stamp == known {
            return Ok(None);
        }
        let mut text = Vec::new();
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut text)?;
        let names = match text.len() as u64 > bytes_max {
            true => HashMap::new(),
            false => parse(&String::from_utf8_lossy(&text)),
        };
        Ok(Some(Self { stamp, names }))
    }

    /// The addresses of a name in lower case, with port 0.
    pub(super) fn get(&self, name: &str) -> Option<Rc<[SocketAddr]>> {
        let addresses = self.names.get(name)?;
        Some(addresses.iter().map(|ip| SocketAddr::new(*ip, 0)).collect())
    }
}

/// Lines of an address and its names; `#` begins a comment. A line that is none is left out.
fn parse(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut names: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(ip)) = words.next().map(str::parse) else { continue };
        for name in words {
            let addresses = names.entry(name.to_ascii_lowercase()).or_default();
            if !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_their_names_and_what_is_none_is_left_out() {
        let names = parse(
            "# a comment\n127.0.0.1 localhost\n\n192.0.2.7\tGateway.Example  gw # both\n\
             2001:db8::7 gw\n192.0.2.7 gw\nnot-an-address name\n192.0.2.9\nfe80::1%lo zoned\n",
        );
        let gateway: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(names["gateway.example"], [gateway]);
        assert_eq!(names["gw"], [gateway, "2001:db8::7".parse().unwrap()]);
        assert_eq!(names["localhost"], ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(names.len(), 3, "{names:?}");
    }

    #[test]
    fn a_file_that_is_missing_or_too_large_counts_as_empty() {
        let missing = Hosts::if_changed(Path::new("/proc/self/no such file"), None, 1024).unwrap();
        assert!(missing.names.is_empty() && missing.stamp.is_none());
        let path = Path::new("/proc/self/status");
        let large = Hosts::if_changed(path, None, 16).unwrap();
        assert!(large.names.is_empty());
    }
}
