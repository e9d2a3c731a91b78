//! All that is below a directory, each directory before what is in it.
//!
//! Read in batches like a single directory. Links are not followed, so it ends; a descriptor is
//! open for each level that is being read, up to [`WalkDir::depth_max`].

use std::io;
use std::path::{Path, PathBuf};

use super::error::at;
use super::metadata::FileKind;
use super::read_dir::{Batches, DirEntry, Source};
use crate::task::waiting;

/// A walk through directories: settings, then entries. Made by [`walk_dir`].
pub struct WalkDir {
    walk: Option<Walk>,
    batches: Option<Batches<Walk>>,
}

/// Walks through all that is below a directory, depth first; the directory itself is not among it.
/// Does nothing until the first [`next`](WalkDir::next).
///
/// ```
/// use taut_runtime::fs;
///
/// taut_runtime::run(async {
///     let root = std::env::temp_dir().join(format!("taut-walk-{}", std::process::id()));
///     fs::create_dir_all(root.join("2026/10")).await?;
///     fs::write(root.join("2026/10/trades"), b"101.25".to_vec()).await?;
///     let mut walk = fs::walk_dir(&root);
///     let mut found = Vec::new();
///     while let Some(entry) = walk.next().await? {
///         found.push((entry.depth(), entry.path().strip_prefix(&root).unwrap().to_path_buf()));
///     }
///     let expected = [(1, "2026"), (2, "2026/10"), (3, "2026/10/trades")];
///     assert_eq!(found, expected.map(|(depth, path)| (depth, path.into())));
///     fs::remove_dir_all(&root).await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn walk_dir(path: impl AsRef<Path>) -> WalkDir {
    let walk = Walk {
        levels: Vec::new(),
        enter: Some(path.as_ref().to_path_buf()),
        depth_min: 1,
        depth_max: usize::MAX,
    };
    WalkDir { walk: Some(walk), batches: None }
}

impl WalkDir {
    /// Leaves out what is less deep. Default: 1, what is in the directory itself.
    ///
    /// # Panics
    ///
    /// Once the walk has begun.
    #[must_use]
    pub fn depth_min(mut self, depth: usize) -> Self {
        self.settings().depth_min = depth;
        self
    }

    /// Does not go deeper than this: 1 is what is in the directory itself. Default: no limit.
    ///
    /// # Panics
    ///
    /// Once the walk has begun.
    #[must_use]
    pub fn depth_max(mut self, depth: usize) -> Self {
        self.settings().depth_max = depth;
        self
    }

    fn settings(&mut self) -> &mut Walk {
        self.walk.as_mut().expect("the depth of a walk is set before it begins")
    }

    /// The next entry; `None` at the end. Cancel-safe: a dropped one takes nothing.
    ///
    /// # Errors
    ///
    /// Where a directory can't be read; the next call goes on behind it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the field's word, and it is awaited")]
    pub fn next(&mut self) -> impl Future<Output = io::Result<Option<WalkEntry>>> {
        waiting("walking through directories", async move {
            if let Some(walk) = self.walk.take() {
                self.batches = Some(Batches::new(walk));
            }
            match &mut self.batches {
                Some(batches) => batches.next().await?.transpose(),
                None => Ok(None),
            }
        })
    }
}

impl std::fmt::Debug for WalkDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalkDir").field("begun", &self.batches.is_some()).finish_non_exhaustive()
    }
}

/// What a walk met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkEntry {
    entry: DirEntry,
    depth: usize,
}

impl WalkEntry {
    /// How deep it lies: 1 for what is in the directory that the walk began with.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl std::ops::Deref for WalkEntry {
    type Target = DirEntry;

    fn deref(&self) -> &DirEntry {
        &self.entry
    }
}

struct Walk {
    /// The directories on the way down, with their paths.
    levels: Vec<(PathBuf, std::fs::ReadDir)>,
    /// To be opened next.
    enter: Option<PathBuf>,
    depth_min: usize,
    depth_max: usize,
}

impl Source for Walk {
    type Item = io::Result<WalkEntry>;

    fn next(&mut self) -> Option<io::Result<WalkEntry>> {
        loop {
            if let Some(path) = self.enter.take()
                && self.levels.len() < self.depth_max
            {
                match std::fs::read_dir(&path) {
                    Ok(entries) => self.levels.push((path, entries)),
                    Err(error) => return Some(Err(at("read directory", &path, error))),
                }
            }
            let depth = self.levels.len();
            let (path, entries) = self.levels.last_mut()?;
            let entry = match entries.next() {
                None => {
                    self.levels.pop();
                    continue;
                }
                Some(entry) => entry.and_then(DirEntry::new),
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(at("read directory", path, error))),
            };
            if entry.kind() == FileKind::Directory {
                self.enter = Some(entry.path().to_path_buf());
            }
            if depth >= self.depth_min {
                return Some(Ok(WalkEntry { entry, depth }));
            }
        }
    }
}
