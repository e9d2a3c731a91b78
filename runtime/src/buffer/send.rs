//! Outgoing bytes: the registered send pool and the kinds of buffer that a send takes without copy.
//!
//! Invariant: a [`TxBuf`] owns its slot alone, so writing to it needs no check; whoever sends it
//! gives it away until the kernel is done with it.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;

use bytes::Bytes;

use super::{Region, RxBuf};

/// The send slots of one core, in one region that is registered with the ring where granted.
#[derive(Debug)]
pub(crate) struct SendPool {
    region: Region,
    slot_bytes: u32,
    slots: u16,
    free: RefCell<Vec<u16>>,
}

impl SendPool {
    pub(crate) fn new(region: Region, slot_bytes: u32, slots: u16) -> Self {
        assert!(region.bytes() >= slots as usize * slot_bytes as usize);
        Self { region, slot_bytes, slots, free: RefCell::new((0..slots).rev().collect()) }
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Takes a slot, or says that all are in use and what to do.
    pub(crate) fn take(self: &Rc<Self>) -> io::Result<TxBuf> {
        match self.free.borrow_mut().pop() {
            Some(slot) => Ok(TxBuf { pool: Rc::clone(self), slot, bytes: 0 }),
            None => Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!(
                    "all {} send buffers are in use; wait for sends to end, or raise \
                     Builder::send_buffers",
                    self.slots
                ),
            )),
        }
    }
}

/// An outgoing message that is written in place: one slot of the core's registered send pool.
///
/// Empty when taken; write to it, then give it to a stream's `send`. Derefs to the bytes written.
///
/// ```
/// use std::io::Write;
///
/// let runtime = taut_runtime::Runtime::new()?;
/// let mut order = runtime.tx_buf()?;
/// write!(order, "8=FIX.4.4")?;
/// assert_eq!(&order[..], b"8=FIX.4.4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TxBuf {
    pool: Rc<SendPool>,
    slot: u16,
    bytes: u32,
}

impl TxBuf {
    /// Takes a buffer from the pool of the runtime that runs on this thread.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](io::ErrorKind::OutOfMemory) while all buffers are in use.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn take() -> io::Result<Self> {
        crate::executor::current().send_pool.take()
    }

    /// The most bytes that it can hold.
    pub fn capacity(&self) -> usize {
        self.pool.slot_bytes as usize
    }

    /// Number of bytes written.
    pub fn len(&self) -> usize {
        self.bytes as usize
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.bytes = 0;
    }

    /// Sets the number of bytes; what lies beyond the old length is whatever the slot held last.
    ///
    /// # Panics
    ///
    /// Beyond the capacity.
    pub fn resize(&mut self, bytes: usize) {
        assert!(bytes <= self.capacity(), "resize to {bytes} of {} bytes", self.capacity());
        self.bytes = bytes as u32;
    }

    /// The free part of the slot.
    pub(crate) fn spare_mut(&mut self) -> &mut [u8] {
        let (bytes, capacity) = (self.len(), self.capacity());
        // SAFETY: the slot is ours alone, mapped and initialised up to its capacity.
        let slot = unsafe { std::slice::from_raw_parts_mut(self.start().as_ptr(), capacity) };
        &mut slot[bytes..]
    }

    fn start(&self) -> NonNull<u8> {
        // SAFETY: `slot` is below the pool's count, whose slots all lie in the region.
        unsafe { self.pool.region.start().add(self.slot as usize * self.pool.slot_bytes as usize) }
    }
}

impl Deref for TxBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the slot is ours alone, mapped, initialised (mappings are zeroed) and holds
        // `bytes` bytes, which never exceeds its size.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.bytes as usize) }
    }
}

impl DerefMut for TxBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and the borrow of `self` is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start().as_ptr(), self.bytes as usize) }
    }
}

impl io::Write for TxBuf {
    /// Appends what fits; 0 when full.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = data.len().min(self.capacity() - self.len());
        let from = self.len();
        self.resize(from + count);
        self[from..].copy_from_slice(&data[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TxBuf {
    fn drop(&mut self) {
        self.pool.free.borrow_mut().push(self.slot);
    }
}

impl fmt::Debug for TxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxBuf({} of {} bytes)", self.bytes, self.pool.slot_bytes)
    }
}

/// Bytes that a `send` takes over and sends without copying: a [`TxBuf`], an [`RxBuf`], `Bytes` or
/// a `Vec<u8>`.
pub struct SendBuf(SendSource);

pub(crate) enum SendSource {
    Registered(TxBuf),
    Received(RxBuf),
    Shared(Bytes),
    Owned(Vec<u8>),
}

impl SendBuf {
    /// Whether the bytes lie in the registered region, so that the kernel need not pin them.
    pub(crate) fn is_registered(&self) -> bool {
        matches!(self.0, SendSource::Registered(_))
    }
}

impl Deref for SendBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            SendSource::Registered(bytes) => bytes,
            SendSource::Received(bytes) => bytes,
            SendSource::Shared(bytes) => bytes,
            SendSource::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SendBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendBuf({} bytes)", self.len())
    }
}

impl From<TxBuf> for SendBuf {
    fn from(bytes: TxBuf) -> Self {
        Self(SendSource::Registered(bytes))
    }
}

impl From<RxBuf> for SendBuf {
    fn from(bytes: RxBuf) -> Self {
        Self(SendSource::Received(bytes))
    }
}

impl From<Bytes> for SendBuf {
    fn from(bytes: Bytes) -> Self {
        Self(SendSource::Shared(bytes))
    }
}

impl From<Vec<u8>> for SendBuf {
    fn from(bytes: Vec<u8>) -> Self {
        Self(SendSource::Owned(bytes))
    }
}

impl From<&'static [u8]> for SendBuf {
    fn from(bytes: &'static [u8]) -> Self {
        Self(SendSource::Shared(Bytes::from_static(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pool(slots: u16) -> Rc<SendPool> {
        Rc::new(SendPool::new(Region::map_pages(slots as usize * 64).unwrap(), 64, slots))
    }

    #[test]
    fn an_empty_pool_is_a_clear_error_and_recovers() {
        let pool = pool(2);
        let first = pool.take().unwrap();
        let _second = pool.take().unwrap();
        let error = pool.take().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("all 2 send buffers"), "{error}");
        drop(first);
        assert!(pool.take().is_ok());
    }

    #[test]
    fn slots_do_not_overlap_and_writes_stop_at_capacity() {
        let pool = pool(2);
        let (mut left, mut right) = (pool.take().unwrap(), pool.take().unwrap());
        assert_eq!(left.write(&[1; 100]).unwrap(), 64);
        assert_eq!(left.write(&[1; 1]).unwrap(), 0);
        right.write_all(&[2; 64]).unwrap();
        assert_eq!((&left[..], &right[..]), (&[1; 64][..], &[2; 64][..]));
    }

    #[test]
    #[should_panic(expected = "resize to 65")]
    fn resizing_beyond_the_slot_panics() {
        pool(1).take().unwrap().resize(65);
    }
}
