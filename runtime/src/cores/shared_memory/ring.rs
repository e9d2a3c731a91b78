//! Making and opening a ring, and taking its ends.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::error::RingError;
use super::layout::{Layout, Part};
use super::mapping::{self, Mapping};
use super::memory::Memory;
use super::options::{Kind, Options};
use super::presence::Presence;
use super::reader::Reader;
use super::writer::Writer;

/// A ring in memory that processes share. Its ends are taken with [`writer`](Self::writer) and
/// [`reader`](Self::reader), in this process or in any other that has the file, and live on without
/// this value.
#[derive(Clone)]
pub struct Ring {
    memory: Arc<Memory>,
}

impl Ring {
    /// Makes a ring in a new file, best in `/dev/shm`. Nobody ever finds a half-made one there.
    /// Only this user may open it, until you [change that](std::fs::set_permissions); it stays
    /// until you [remove](std::fs::remove_file) it, which does not disturb those who have it open.
    ///
    /// # Errors
    ///
    /// Where something is at that path already, the file system is full or knows no nameless files
    /// (`O_TMPFILE`), or the options are out of range.
    pub fn create(path: impl AsRef<Path>, options: &Options) -> Result<Self, RingError> {
        let path = path.as_ref();
        let doing = || RingError::system(format!("making the ring {}", path.display()));
        let layout = Layout::new(*options)?;
        let file = mapping::create_nameless(path, layout.file_bytes as u64).map_err(doing())?;
        let ring = Self::fresh(file, layout)?;
        mapping::name(ring.as_fd(), path).map_err(doing())?;
        Ok(ring)
    }

    /// Makes a ring without a path, whose descriptor is to be handed to the other process: by
    /// inheritance, or over a Unix socket. Nobody can cut it short, see [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Where there is not so much memory, or the options are out of range.
    pub fn create_unnamed(options: &Options) -> Result<Self, RingError> {
        let layout = Layout::new(*options)?;
        let file = mapping::create_sealed(layout.file_bytes as u64)
            .map_err(RingError::system("making a memfd for a ring"))?;
        Self::fresh(file, layout)
    }

    fn fresh(file: OwnedFd, layout: Layout) -> Result<Self, RingError> {
        let mapping = map(&file, layout.file_bytes)?;
        layout.write(&mapping);
        Ok(Self { memory: Arc::new(Memory::new(mapping, layout, file)) })
    }

    /// Opens the ring at a path.
    ///
    /// Whoever may write to the file is trusted not to cut it short: that would end all who have it
    /// open with a SIGBUS. Where that is too much use [`create_unnamed`](Self::create_unnamed).
    ///
    /// # Errors
    ///
    /// Where there is no file, it holds no whole ring, or one of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RingError> {
        let path = path.as_ref();
        let file = mapping::open_at(path)
            .map_err(RingError::system(format!("opening the ring {}", path.display())))?;
        Self::opened(file)
    }

    /// Opens the ring at a path, or makes it: so that it does not matter which process comes first,
    /// or again.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open), and [`RingError::Options`] where
    /// the ring there has other options.
    pub fn open_or_create(path: impl AsRef<Path>, options: &Options) -> Result<Self, RingError> {
        let path = path.as_ref();
        let is = |error: &RingError, kind| match error {
            RingError::System { error, .. } => error.kind() == kind,
            _ => false,
        };
        loop {
            match Self::open(path) {
                Ok(ring) if ring.options() == options => return Ok(ring),
                Ok(ring) => {
                    return Err(RingError::Options(format!(
                        "{} was made with {:?}, and {options:?} is asked for",
                        path.display(),
                        ring.options()
                    )));
                }
                Err(error) if !is(&error, std::io::ErrorKind::NotFound) => return Err(error),
                Err(_) => {}
            }
            match Self::create(path, options) {
                // Another process was faster.
                Err(error) if is(&error, std::io::ErrorKind::AlreadyExists) => {}
                made => return made,
            }
        }
    }

    /// Opens the ring behind a descriptor that another process made with
    /// [`create_unnamed`](Self::create_unnamed).
    ///
    /// # Errors
    ///
    /// Where it holds no whole ring, one of another version, or one that could be cut short.
    pub fn from_fd(file: OwnedFd) -> Result<Self, RingError> {
        if !mapping::is_sealed(file.as_fd()) {
            return Err(RingError::NotARing(
                "it is not sealed against being cut short; open one in a file by its path".into(),
            ));
        }
        Self::opened(file)
    }

    fn opened(file: OwnedFd) -> Result<Self, RingError> {
        let look = || RingError::system("looking at the ring's file");
        if !mapping::is_regular(file.as_fd()).map_err(look())? {
            return Err(RingError::NotARing("it is no regular file".into()));
        }
        let file_bytes = mapping::file_bytes(file.as_fd()).map_err(look())?;
        if file_bytes < Layout::HEADER_BYTES as u64 {
            let why = format!("it has {file_bytes} bytes, less than any ring");
            return Err(RingError::NotARing(why));
        }
        let layout = Layout::read(&map(&file, Layout::HEADER_BYTES)?, file_bytes)?;
        mapping::give_pages(file.as_fd(), layout.file_bytes as u64)
            .map_err(RingError::system("setting pages aside for the ring"))?;
        let mapping = map(&file, layout.file_bytes)?;
        Ok(Self { memory: Arc::new(Memory::new(mapping, layout, file)) })
    }

    /// What the ring was made with.
    pub fn options(&self) -> &Options {
        &self.memory.layout.options
    }

    /// Takes the writing end. It goes on behind the last message that was published, by whomever; a
    /// message that a writer was killed over was never there.
    ///
    /// # Errors
    ///
    /// [`RingError::Busy`] where there is a writer that lives.
    pub fn writer(&self) -> Result<Writer, RingError> {
        match Presence::take(&self.memory, Part::Writer, || {})? {
            Some(presence) => Writer::new(&self.memory, presence),
            None => Err(self.busy("the writer", Part::Writer)),
        }
    }

    /// Takes a reading end. That of a [`Kind::Spsc`] goes on with the first message that no reader
    /// has released, so a message that a reader was killed over comes again. The others begin with
    /// the next message that is written.
    ///
    /// # Errors
    ///
    /// [`RingError::Busy`] where the reader of a [`Kind::Spsc`], or all that a [`Kind::Broadcast`]
    /// has places for, are there and live.
    pub fn reader(&self) -> Result<Reader, RingError> {
        let memory = &self.memory;
        if self.options().kind == Kind::BroadcastLossy {
            return Reader::without_place(memory, memory.tail().load(Ordering::Acquire));
        }
        for place in memory.readers() {
            if let Some(reader) = Reader::at_place(memory, place)? {
                return Ok(reader);
            }
        }
        let part = match self.options().kind {
            Kind::Spsc => "the reader",
            _ => "the last place for a reader",
        };
        Err(self.busy(part, memory.readers().last().unwrap_or(Part::Reader(0))))
    }

    /// Takes a reading end of a [`Kind::BroadcastLossy`] that goes on where an earlier one
    /// [was](Reader::position): in this process or in one before it. What was overwritten meanwhile
    /// is told of as usual.
    ///
    /// # Errors
    ///
    /// [`RingError::Options`] where the ring is of another kind.
    pub fn reader_from(&self, position: u64) -> Result<Reader, RingError> {
        if self.options().kind != Kind::BroadcastLossy {
            let what = "only readers of a BroadcastLossy choose where they begin";
            return Err(RingError::Options(what.into()));
        }
        // One that is ahead, from a file before this one perhaps, would wait for ever.
        let tail = self.memory.tail().load(Ordering::Acquire);
        Reader::without_place(&self.memory, position.min(tail))
    }

    fn busy(&self, part: &'static str, of: Part) -> RingError {
        let process = self.memory.word(of.process_at()).load(Ordering::Relaxed);
        RingError::Busy { part, process: process as u32 }
    }
}

fn map(file: &OwnedFd, bytes: usize) -> Result<Mapping, RingError> {
    Mapping::new(file.as_fd(), bytes).map_err(RingError::system("mapping the ring's file"))
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.file.as_fd()
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("options", self.options()).finish_non_exhaustive()
    }
}
