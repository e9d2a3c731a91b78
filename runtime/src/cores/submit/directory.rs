//! The handles of several cores, by number and by name.

use std::fmt::Write;
use std::panic::Location;
use std::sync::Arc;

use super::error::SubmitError;
use super::handle::CoreHandle;
use super::submitted::Submitted;
use crate::cores::CoreKey;
use crate::executor::{current, try_current};

/// The cores that work can be submitted to. Clones are the same directory.
#[derive(Clone, Debug)]
pub struct Directory(Arc<[(usize, CoreHandle)]>);

impl Directory {
    /// A directory of cores, each with its number. Where several have the same number or name, the
    /// first of them is found by it.
    pub fn new(cores: impl IntoIterator<Item = (usize, CoreHandle)>) -> Self {
        Self(cores.into_iter().collect())
    }

    /// The handle of a core.
    pub fn find(&self, core: impl Into<CoreKey>) -> Option<&CoreHandle> {
        let key = core.into();
        let found = self.0.iter().find(|(number, handle)| key.means(*number, handle.name()));
        found.map(|(_, handle)| handle)
    }

    /// All handles, each with its core's number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &CoreHandle)> {
        self.0.iter().map(|(number, handle)| (*number, handle))
    }

    /// Makes this the directory that [`submit_to`] asks on the runtime of this thread.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and where the runtime has one already.
    #[track_caller]
    pub fn install(&self) {
        let installed = current().directory.set(self.clone());
        assert!(installed.is_ok(), "this runtime knows its directory already");
    }

    fn names(&self) -> String {
        let mut names = String::from("there are");
        for (index, (number, handle)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string can't fail.
            let _ = write!(names, "{comma} {} ({number})", handle.name());
        }
        names
    }
}

/// Runs a future on another core of the same [`Directory`], by its number or name, and gives its
/// result; see [`CoreHandle::submit`].
///
/// Where there is no such core, or this runtime has no directory, awaiting it gives an error of the
/// kind [`Unknown`](super::SubmitErrorKind::Unknown).
///
/// ```
/// use taut_runtime::cores::{Directory, reception, submit_to};
///
/// let (handle, inbox) = reception("feed", 64);
/// let core = std::thread::spawn(move || taut_runtime::run(inbox.serve()));
/// taut_runtime::run(async {
///     Directory::new([(2, handle)]).install();
///     assert_eq!(submit_to("feed", || async { 6 * 7 }).await?, 42);
///     assert_eq!(submit_to(2, || async { "by number" }).await?, "by number");
///     Ok::<(), taut_runtime::cores::SubmitError>(())
/// })??;
/// core.join().unwrap()??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn submit_to<F, R>(core: impl Into<CoreKey>, make: F) -> Submitted<R::Output>
where
    F: FnOnce() -> R + Send + 'static,
    R: Future + 'static,
    R::Output: Send + 'static,
{
    let key = core.into();
    let Some(directory) = try_current().and_then(|core| core.directory.get()) else {
        let none = "this runtime knows no other cores: install a directory".to_owned();
        return Submitted::nowhere(SubmitError::unknown(key.to_string(), none), Location::caller());
    };
    match directory.find(key.clone()) {
        Some(handle) => handle.submit(make),
        None => {
            let error = SubmitError::unknown(key.to_string(), directory.names());
            Submitted::nowhere(error, Location::caller())
        }
    }
}
