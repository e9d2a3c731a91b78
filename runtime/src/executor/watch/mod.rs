//! Words of memory that other threads change, and that the loop looks at by itself.
//!
//! What a task awaits of another core is a change of one word: the stamp of a slot, a count. While
//! the core is awake it looks at each such word in every turn, and the thread that changes it does
//! nothing for that. Before the core sleeps it announces itself to the [`Signal`] of each word. A
//! word that another process changes has none, see [`peer`]; what the ends of this core owe to
//! those who sleep elsewhere is in [`owed`].
//!
//! Invariant: a word is looked at only while the watch's owner keeps its memory; and a change that
//! comes before the core sleeps keeps it awake, one that comes later wakes it, see [`Signal`].
//! Cost: one load a turn for each word that is awaited, and nothing where none is. A turn that
//! finds nothing to do looks [`LOOKS_IDLE`] times, so that a change is not found a turn late. From
//! the change being seen to the task's run it is some 15 ns, which is why a task with the core for
//! itself may [linger](Core::linger) over its word first.

mod owed;
mod peer;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Number, Ordering};
use std::task::Context;

use super::core::Core;
use super::remote::Remote;
use super::wake::WakeSlot;
use crate::config::WaitStrategy;
use crate::cores::Signal;
use crate::threads::{AtomicU64, fence};
use crate::time::NEVER_NS;

#[cfg(not(loom))]
pub(crate) use peer::PEER_CHECK_EVERY_NS;

/// How often a turn with nothing to do looks, before it looks at the rest of the world again. Each
/// is a `pause`: 10 to 40 ns, as the CPU has it.
const LOOKS_IDLE: u32 = 4;

/// How often a task looks at its word before it gives way to a loop that has nothing else to do:
/// enough for an answer from another core that was asked just now.
const LOOKS_LINGERING: u32 = 8;

/// What keeps the memory of a watched word. Each end of a channel has one of its own, which tells
/// the core that the end is gone.
pub(crate) type Owner = Arc<dyn Any + Send + Sync>;

/// Names a watch of one core, for as long as somebody holds its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchKey {
    core: u64,
    index: usize,
}

/// A word, what it held when it was looked at, and who sleeps until it changes.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) word: &'a AtomicU64,
    pub(crate) seen: u64,
    pub(crate) signal: &'a Signal,
}

/// All that a look needs, side by side.
struct Look {
    /// `None` while nobody waits.
    word: Cell<Option<NonNull<AtomicU64>>>,
    seen: Cell<u64>,
}

struct Watch {
    /// `None` once the end is gone.
    owner: Option<Owner>,
    /// Whom the core tells that it sleeps; set with the word. `None` for a word of another process,
    /// and once the end is gone.
    signal: Cell<Option<NonNull<Signal>>>,
    /// Who sleeps until this end does something; `None` once the end is gone.
    tells: Option<NonNull<Signal>>,
    wake: WakeSlot,
}

impl Watch {
    fn is_free(&self) -> bool {
        self.owner.as_ref().is_none_or(|owner| Arc::strong_count(owner) == 1)
    }
}

#[derive(Default)]
struct Table {
    looks: Vec<Look>,
    watches: Vec<Watch>,
}

/// The watches of one core.
pub(crate) struct Watches {
    /// Of all cores that the process ever had.
    core: u64,
    table: RefCell<Table>,
    /// Words that somebody waits for.
    awaited: Cell<u32>,
    /// Whether somebody may sleep for what an end did since the last fence.
    owing: Cell<bool>,
    /// Whether the core has told that it sleeps.
    announced: Cell<bool>,
    /// When to run who waits for another process, or `NEVER_NS`.
    peer_check_ns: Cell<u64>,
}

impl Watches {
    pub(crate) fn new() -> Self {
        static CORES: Number = Number::new(0);
        Self {
            core: CORES.fetch_add(1, Ordering::Relaxed),
            table: Default::default(),
            awaited: Cell::new(0),
            owing: Cell::new(false),
            announced: Cell::new(false),
            peer_check_ns: Cell::new(NEVER_NS),
        }
    }

    /// Makes a watch, for words in memory that `owner` keeps. It lasts until it is
    /// [forgotten](Self::forget) or its owner is known to nobody else. With `tells`, those who
    /// sleep at that signal can be [owed](Self::owe) a word.
    ///
    /// # Safety
    ///
    /// The owner keeps the memory of the signal.
    #[cold]
    pub(crate) unsafe fn add(&self, owner: &Owner, tells: Option<&Signal>) -> WatchKey {
        let new = Watch {
            owner: Some(Arc::clone(owner)),
            signal: Cell::new(None),
            tells: tells.map(NonNull::from),
            wake: WakeSlot::new(),
        };
        let mut table = self.table.borrow_mut();
        let gone = table.watches.iter().position(Watch::is_free);
        let index = gone.unwrap_or(table.watches.len());
        let before = match gone {
            Some(index) => {
                self.stop_looking(&table.looks[index]);
                Some(std::mem::replace(&mut table.watches[index], new))
            }
            None => {
                table.looks.push(Look { word: Cell::new(None), seen: Cell::new(0) });
                table.watches.push(new);
                None
            }
        };
        drop(table);
        // With nothing borrowed: items in that memory may have destructors.
        drop(before);
        WatchKey { core: self.core, index }
    }

    /// Whether a key is of this core.
    #[inline]
    pub(crate) fn has(&self, key: WatchKey) -> bool {
        key.core == self.core
    }

    /// Drops a watch of this core and its hold on the memory.
    pub(crate) fn forget(&self, key: WatchKey) {
        fence(Ordering::SeqCst);
        let mut table = self.table.borrow_mut();
        let Table { looks, watches } = &mut *table;
        // None are left where the core has ended.
        let Some(watch) = watches.get_mut(key.index) else { return };
        self.stop_looking(&looks[key.index]);
        watch.wake.clear();
        let owed = watch.owed();
        let owner = watch.owner.take();
        // They lie in memory that may go with the owner.
        watch.signal.set(None);
        watch.tells = None;
        drop(table);
        if let Some(owed) = owed {
            owed.tell();
        }
        drop(owner);
    }

    /// Forgets everything, at the end of the core.
    pub(crate) fn clear(&self) {
        self.settle();
        self.awaited.set(0);
        self.peer_check_ns.set(NEVER_NS);
        drop(self.table.take());
    }

    /// Has the task of `context` run once the word has changed. For a key of this core.
    ///
    /// # Safety
    ///
    /// The word and the signal lie in memory that the watch's owner keeps.
    #[inline]
    pub(crate) unsafe fn wait(&self, key: WatchKey, word: Word<'_>, context: &Context<'_>) {
        self.begin(key, word.word, word.seen, Some(word.signal.into()), context);
    }

    #[inline(always)]
    fn begin(
        &self,
        key: WatchKey,
        word: &AtomicU64,
        seen: u64,
        signal: Option<NonNull<Signal>>,
        context: &Context<'_>,
    ) {
        let table = self.table.borrow();
        // None are left where the core has ended; then nobody is woken any more.
        let Some(watch) = table.watches.get(key.index) else { return };
        let look = &table.looks[key.index];
        look.seen.set(seen);
        watch.signal.set(signal);
        watch.wake.register(context);
        if look.word.replace(Some(word.into())).is_none() {
            self.awaited.set(self.awaited.get() + 1);
        }
    }

    /// Nobody waits for this watch's word any more. For a key of this core.
    #[inline]
    pub(crate) fn stop(&self, key: WatchKey) {
        let table = self.table.borrow();
        if let Some(watch) = table.watches.get(key.index) {
            self.stop_looking(&table.looks[key.index]);
            watch.wake.clear();
        }
    }

    #[inline]
    fn stop_looking(&self, look: &Look) {
        if look.word.take().is_some() {
            self.awaited.set(self.awaited.get() - 1);
        }
    }

    /// Looks at all words that are awaited, and runs those who wait for one that has changed;
    /// whether there were any.
    #[inline]
    pub(crate) fn look(&self) -> bool {
        self.awaited.get() > 0 && self.look_at_all()
    }

    /// As [`look`](Self::look), and in place of a moment's pause.
    #[inline]
    pub(crate) fn look_idly(&self) -> bool {
        let looks = if self.awaited.get() > 0 { LOOKS_IDLE } else { 1 };
        for _ in 0..looks {
            if self.look() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    fn look_at_all(&self) -> bool {
        let table = self.table.borrow();
        let mut changed = false;
        for (look, watch) in table.looks.iter().zip(&table.watches) {
            let Some(word) = look.word.get() else { continue };
            // SAFETY: the watch's owner keeps the memory, by the contract of `wait`. What the task
            // then reads is ordered by its own load of the word.
            if unsafe { word.as_ref() }.load(Ordering::Relaxed) != look.seen.get() {
                self.stop_looking(look);
                watch.wake.fire();
                changed = true;
            }
        }
        changed
    }

    /// The core is about to sleep: whoever changes a word from now on wakes it. `false` where a
    /// word has changed already.
    pub(crate) fn announce(&self, core: &Arc<Remote>) -> bool {
        if self.awaited.get() == 0 {
            return true;
        }
        self.announced.set(true);
        let table = self.table.borrow();
        for (look, watch) in table.looks.iter().zip(&table.watches) {
            if look.word.get().is_some()
                && let Some(signal) = watch.signal.get()
            {
                // SAFETY: the watch's owner keeps the memory, by the contract of `wait`.
                unsafe { signal.as_ref() }.announce_core(core);
            }
        }
        drop(table);
        fence(Ordering::SeqCst);
        !self.look()
    }

    /// The core is awake.
    pub(crate) fn retire(&self, core: &Arc<Remote>) {
        if !self.announced.replace(false) {
            return;
        }
        for watch in &self.table.borrow().watches {
            if let Some(signal) = watch.signal.get() {
                // SAFETY: the watch's owner keeps the memory, by the contract of `wait`.
                unsafe { signal.as_ref() }.retire_core(core);
            }
        }
    }
}

impl Core {
    /// Looks at a word for a moment, where there is nothing else for the core to do, and it would
    /// spin anyway; whether the word has changed.
    #[inline]
    pub(crate) fn linger(&self, word: &AtomicU64, seen: u64) -> bool {
        if self.has_ready()
            || self.watches.awaited.get() > 0
            || self.config.wait == WaitStrategy::Park
        {
            return false;
        }
        for _ in 0..LOOKS_LINGERING {
            if word.load(Ordering::Relaxed) != seen {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches").field("awaited", &self.awaited.get()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Memory {
        word: AtomicU64,
        signal: Signal,
    }

    impl Memory {
        fn new() -> Arc<Self> {
            Arc::new(Self { word: AtomicU64::new(0), signal: Signal::new() })
        }

        fn word(&self) -> Word<'_> {
            Word { word: &self.word, seen: 0, signal: &self.signal }
        }

        fn watch(self: &Arc<Self>, watches: &Watches) -> (Owner, WatchKey) {
            let owner: Owner = Arc::new(Arc::clone(self));
            // SAFETY: the owner holds the memory, and the signal lies in it.
            let key = unsafe { watches.add(&owner, Some(&self.signal)) };
            (owner, key)
        }
    }

    fn wait(watches: &Watches, key: WatchKey, memory: &Memory) {
        let waker = std::task::Waker::noop();
        // SAFETY: the owner of each test's watch holds the memory.
        unsafe { watches.wait(key, memory.word(), &Context::from_waker(waker)) };
    }

    /// With AddressSanitizer this finds any look at what is gone.
    #[test]
    fn nothing_of_a_forgotten_watch_is_looked_at() {
        let watches = Watches::new();
        let remote = Arc::new(Remote::new().unwrap());
        let (gone, stays) = (Memory::new(), Memory::new());
        let (_owner, key) = stays.watch(&watches);
        let (gone_owner, gone_key) = gone.watch(&watches);
        wait(&watches, gone_key, &gone);
        watches.owe(&gone.signal);
        watches.forget(gone_key);
        drop(gone_owner);
        assert_eq!(Arc::strong_count(&gone), 1, "the watch holds nothing any more");
        // Where somebody looked there, it would be told.
        gone.signal.announce_core(&remote);
        wait(&watches, key, &stays);
        assert!(watches.announce(&remote));
        assert!(stays.signal.has_sleepers());
        watches.retire(&remote);
        assert!(!stays.signal.has_sleepers());
        watches.settle();
        assert!(gone.signal.has_sleepers());
        gone.word.store(1, Ordering::Relaxed);
        assert!(!watches.look());
    }

    #[test]
    fn a_watch_whose_end_is_on_another_core_is_used_again() {
        let watches = Watches::new();
        let (first, second) = (Memory::new(), Memory::new());
        let (owner, key) = first.watch(&watches);
        wait(&watches, key, &first);
        drop(owner);
        assert_eq!(second.watch(&watches).1, key);
        assert_eq!(Arc::strong_count(&first), 1);
        assert_eq!(watches.awaited.get(), 0);
    }

    #[test]
    fn a_word_that_changes_before_the_core_sleeps_keeps_it_awake() {
        let watches = Watches::new();
        let remote = Arc::new(Remote::new().unwrap());
        let memory = Memory::new();
        let (_owner, key) = memory.watch(&watches);
        wait(&watches, key, &memory);
        memory.word.store(1, Ordering::Relaxed);
        assert!(!watches.announce(&remote));
        watches.retire(&remote);
        assert!(!memory.signal.has_sleepers());
        assert!(watches.announce(&remote), "nobody waits any more");
    }
}
