//! A directory for one test, removed with all that is in it.

use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use taut::fs::{File, OpenOptions};

use super::{block_on, on_each_driver};

const REMOVALS_MAX: usize = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// Runs a body on each driver, each time in a directory of its own.
pub(crate) fn in_a_directory(body: impl AsyncFn(&Path)) {
    on_each_driver(|builder| {
        let directory = Directory::new();
        block_on(builder, body(&directory));
    });
}

/// A file to read and write, made where there is none.
pub(crate) async fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).open(path).await.unwrap()
}

#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// A new one, of a name that no other test of any process has.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("taut-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        // As the kernel names it, to compare with.
        Self(path.canonicalize().unwrap())
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    #[expect(clippy::disallowed_methods, reason = "a drop can't await, and its test is over")]
    fn drop(&mut self) {
        // A program that ends may still write into it.
        for _ in 0..REMOVALS_MAX {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                _ => return,
            }
            std::thread::sleep(BETWEEN_REMOVALS);
        }
    }
}
