//! The stack's pages touched before they are needed: a page's first use is a fault, which costs a
//! microsecond or more.

use std::hint::black_box;
use std::io;

use super::sys;

const PAGE_BYTES: usize = 4096;

/// What is left untouched at the far end, for the frames of the touching itself.
const MARGIN_BYTES: usize = 64 << 10;

/// Touches so many bytes of the calling thread's stack, from here on.
pub(super) fn touch(bytes: usize) -> io::Result<()> {
    let here = (&raw const bytes).addr();
    let left = here.saturating_sub(sys::stack()?.start).saturating_sub(MARGIN_BYTES);
    if bytes > left {
        return Err(io::Error::other(format!("the thread's stack has {left} bytes left")));
    }
    touch_down_to(here - bytes);
    Ok(())
}

/// Each call's frame is a page and more, all of it written.
#[inline(never)]
fn touch_down_to(end: usize) {
    let mut page = [0_u8; PAGE_BYTES];
    if black_box(&mut page).as_ptr().addr() > end {
        touch_down_to(end);
    }
    // Used after the call, or it would be a jump that uses this frame again.
    black_box(&mut page);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_there_is_can_be_touched_and_no_more() {
        let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(|| {
            touch(0).unwrap();
            touch(256 << 10).unwrap();
            let error = touch(64 << 20).unwrap_err();
            assert!(error.to_string().contains("bytes left"), "{error}");
        });
        thread.unwrap().join().unwrap();
    }
}
