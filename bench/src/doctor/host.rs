//! The one way by which checks learn about the host: files below a root, and a few system calls.
//!
//! Invariant: nothing is written, and nothing that the host does or lacks is a panic or is hidden:
//! a value that can't be had is an [`Unread`] with its path and reason. Tests put a made-up tree
//! under the root, and answers of their own in place of the system calls.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use rustix::fs::{Access, access};
use taut::BuildErrorKind;

use crate::harness::environment::FeatureRow;
use crate::harness::host::parse_whole_list;
use crate::sys::ethtool::{self, Coalescing};

/// As much of a file's text as a message quotes.
const QUOTE_CHARACTERS: usize = 40;

/// What can't be learned from files; see [`Host`].
pub(crate) trait System {
    /// What a runtime on io_uring was granted, or why there is none.
    fn ring(&self) -> Result<Vec<FeatureRow>, RingRefusal>;
    /// How a network interface delays its receive interrupts.
    fn coalescing(&self, interface: &str) -> io::Result<Coalescing>;
    /// Whether this process may write to a file; nothing is written.
    fn is_writable(&self, path: &Path) -> bool;
}

/// Why io_uring can't be used.
#[derive(Clone, Debug)]
pub(crate) struct RingRefusal {
    pub(crate) kind: BuildErrorKind,
    pub(crate) message: String,
}

/// A value that could not be had.
#[derive(Debug)]
pub(crate) struct Unread {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Missing,
    Refused(io::Error),
    Garbled(String),
}

impl Unread {
    fn refused(path: &str, error: io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Cause::Missing,
            _ => Cause::Refused(error),
        };
        Self { path: path.into(), cause }
    }

    pub(crate) fn garbled(path: &str, text: &str) -> Self {
        let quote = text.chars().take(QUOTE_CHARACTERS).collect();
        Self { path: path.into(), cause: Cause::Garbled(quote) }
    }

    /// Whether the host has no such file, which for many settings means: a kernel without it.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.cause, Cause::Missing)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Missing => write!(f, "{path} is not there"),
            Cause::Refused(error) => write!(f, "{path} can't be read: {error}"),
            Cause::Garbled(text) => write!(f, "{path} holds {text:?}, which is not understood"),
        }
    }
}

/// A host, real or made up.
pub(crate) struct Host {
    root: PathBuf,
    system: Box<dyn System>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Host {
    /// The one that this program runs on.
    pub(crate) fn here() -> Self {
        Self::under("/", Box::new(Kernel))
    }

    pub(crate) fn under(root: impl Into<PathBuf>, system: Box<dyn System>) -> Self {
        Self { root: root.into(), system }
    }

    pub(crate) fn system(&self) -> &dyn System {
        &*self.system
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Unread> {
        fs::read(self.path(path)).map_err(|error| Unread::refused(path, error))
    }

    /// A file's text without the white space around it.
    pub(crate) fn text(&self, path: &str) -> Result<String, Unread> {
        let bytes = self.bytes(path)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    pub(crate) fn number(&self, path: &str) -> Result<i64, Unread> {
        let text = self.text(path)?;
        text.parse().map_err(|_| Unread::garbled(path, &text))
    }

    /// The cores of a file in list notation; the kernel writes `(null)` for some empty ones.
    pub(crate) fn cores(&self, path: &str) -> Result<Vec<usize>, Unread> {
        let text = self.text(path)?;
        match text.as_str() {
            "(null)" => Ok(Vec::new()),
            list => parse_whole_list(list).map_err(|_| Unread::garbled(path, &text)),
        }
    }

    /// The cores of a file that holds a mask: `ff,0000000f`, the lowest 32 cores last.
    pub(crate) fn mask(&self, path: &str) -> Result<Vec<usize>, Unread> {
        let text = self.text(path)?;
        parse_mask(&text).ok_or_else(|| Unread::garbled(path, &text))
    }

    /// The names in a folder, sorted; numbers by their value.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<String>, Unread> {
        let refused = |error| Unread::refused(folder, error);
        let entries = fs::read_dir(self.path(folder)).map_err(refused)?;
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_by_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone()));
        Ok(names)
    }

    /// The names of the folders in a folder; none where it can't be read.
    pub(crate) fn folders(&self, folder: &str) -> Vec<String> {
        let is_folder = |name: &String| self.path(&format!("{folder}/{name}")).is_dir();
        self.names(folder).unwrap_or_default().into_iter().filter(is_folder).collect()
    }

    pub(crate) fn is_there(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub(crate) fn is_writable(&self, path: &str) -> bool {
        self.system.is_writable(&self.path(path))
    }

    /// Where a link points to.
    pub(crate) fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.path(path)).ok()?.into_os_string().into_string().ok()
    }

    /// The value of an option of the kernel's command line, empty for a plain word. The last one
    /// counts, as it does for the kernel.
    pub(crate) fn boot_option(&self, name: &str) -> Result<Option<String>, Unread> {
        let line = self.text("/proc/cmdline")?;
        // What follows is for the first program.
        let words = line.split_whitespace().take_while(|word| *word != "--");
        let value = |word: &str| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            // The kernel takes both letters for the same.
            (key.replace('-', "_") == name.replace('-', "_")).then(|| value.to_owned())
        };
        Ok(words.filter_map(value).last())
    }
}

fn parse_mask(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for (group, digits) in text.rsplit(',').enumerate() {
        let bits = u32::from_str_radix(digits, 16).ok()?;
        cores.extend((0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| group * 32 + bit));
    }
    Some(cores)
}

/// The kernel that this program runs on.
struct Kernel;

impl System for Kernel {
    fn ring(&self) -> Result<Vec<FeatureRow>, RingRefusal> {
        let runtime = taut::Runtime::builder()
            .driver(taut::Driver::Uring)
            .wait(taut::WaitStrategy::Park)
            .build()
            .map_err(|error| RingRefusal { kind: error.kind(), message: error.to_string() })?;
        Ok(FeatureRow::all_of(&runtime))
    }

    fn coalescing(&self, interface: &str) -> io::Result<Coalescing> {
        ethtool::coalescing(interface)
    }

    fn is_writable(&self, path: &Path) -> bool {
        access(path, Access::WRITE_OK).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::fixture::Tree;

    #[test]
    fn masks_are_read_from_their_lowest_group_on() {
        assert_eq!(parse_mask("3"), Some(vec![0, 1]));
        assert_eq!(parse_mask("00000001,80000000"), Some(vec![31, 32]));
        assert_eq!(parse_mask("0"), Some(Vec::new()));
        for wrong in ["", "x", "3,", "fffffffff"] {
            assert_eq!(parse_mask(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_can_not_be_read_says_where_and_why() {
        let tree = Tree::empty("host-unread");
        tree.write("/sys/number", "many\n").write("/sys/cores", "0-x").write("/sys/none", "(null)");
        let host = tree.host();
        let missing = host.text("/sys/nothing").unwrap_err();
        assert!(missing.is_missing());
        assert_eq!(missing.to_string(), "/sys/nothing is not there");
        let garbled = host.number("/sys/number").unwrap_err();
        assert!(!garbled.is_missing());
        assert_eq!(garbled.to_string(), "/sys/number holds \"many\", which is not understood");
        assert!(host.cores("/sys/cores").is_err());
        assert_eq!(host.cores("/sys/none").unwrap(), Vec::<usize>::new());
        let refused = host.text("/sys").unwrap_err();
        assert!(refused.to_string().starts_with("/sys can't be read: "), "{refused}");
    }

    #[test]
    fn the_last_of_two_boot_options_counts_and_those_of_the_first_program_do_not() {
        let tree = Tree::empty("host-boot");
        tree.write("/proc/cmdline", "nohz_full=1 rcu-nocbs=3 nohz_full=2-3 quiet -- idle=poll");
        let option = |name: &str| tree.host().boot_option(name).unwrap();
        assert_eq!(option("nohz_full").as_deref(), Some("2-3"));
        assert_eq!(option("rcu_nocbs").as_deref(), Some("3"));
        assert_eq!(option("quiet").as_deref(), Some(""));
        assert_eq!(option("idle"), None);
    }

    #[test]
    fn folders_are_listed_in_the_order_of_their_numbers() {
        let tree = Tree::empty("host-folders");
        for name in ["10", "9", "b"] {
            tree.write(&format!("/proc/irq/{name}/file"), "");
        }
        tree.write("/proc/irq/default", "3");
        assert_eq!(tree.host().folders("/proc/irq"), ["9", "10", "b"]);
        assert!(tree.host().folders("/proc/nothing").is_empty());
    }
}
