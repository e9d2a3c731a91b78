//! An answer's body into a file.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use taut_runtime::fs::{self, File};

use super::error::{Cause, Error};
use super::response::Response;

impl Response {
    /// Writes the body to a file, and says how many bytes it has. The file appears under its name
    /// only once it is whole: until then it is named `<path>.part`, which replaces what is there.
    /// It is not synced to the disk.
    ///
    /// Of a dropped future the part may stay; after an error it is removed.
    ///
    /// # Errors
    ///
    /// As for [`chunk`](Self::chunk); [`Error::Unusable`] where the file can't be written.
    pub async fn save(mut self, path: impl AsRef<Path>) -> Result<u64, Error> {
        let path = path.as_ref();
        let part = part_of(path);
        let file = File::create(&part).await;
        let file = file.map_err(|error| self.error(Cause::File(error)))?;
        match self.copy_to(file, &part, path).await {
            Ok(count) => Ok(count),
            Err(error) => {
                // What failed before is what is told.
                let _ = fs::remove_file(&part).await;
                Err(error)
            }
        }
    }

    async fn copy_to(&mut self, mut file: File, part: &Path, path: &Path) -> Result<u64, Error> {
        let mut count = 0;
        while let Some(piece) = self.chunk().await? {
            self.of_file(file.write_all(&piece).await)?;
            count += piece.len() as u64;
        }
        self.of_file(file.close().await)?;
        self.of_file(fs::rename(part, path).await)?;
        Ok(count)
    }

    fn of_file<T>(&self, outcome: io::Result<T>) -> Result<T, Error> {
        outcome.map_err(|error| self.error(Cause::File(error)))
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}
