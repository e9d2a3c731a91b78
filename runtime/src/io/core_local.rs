//! What protocol crates keep for a core, such as its resolver: one value of a type for each
//! runtime.
//!
//! Invariant: a value lives from its first use to the end of its runtime, so nothing that a runtime
//! began is ever met by the next one on the same thread. A use costs one look into a small map.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::executor::current;

/// The values of one core.
#[derive(Default)]
pub(crate) struct CoreLocals(RefCell<HashMap<TypeId, Rc<dyn Any>>>);

impl CoreLocals {
    fn get<T: Default + 'static>(&self) -> Rc<T> {
        let key = TypeId::of::<T>();
        let known = self.0.borrow().get(&key).cloned();
        let value = known.unwrap_or_else(|| {
            // Not while the map is borrowed: making a value may ask for another one.
            let made: Rc<dyn Any> = Rc::<T>::default();
            Rc::clone(self.0.borrow_mut().entry(key).or_insert(made))
        });
        value.downcast().expect("a value is kept under its own type")
    }

    /// Drops all values; none of them is borrowed meanwhile.
    pub(crate) fn clear(&self) {
        drop(self.0.take());
    }
}

impl fmt::Debug for CoreLocals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreLocals").field("count", &self.0.borrow().len()).finish()
    }
}

/// The value of this type that belongs to the runtime on this thread, made at its first use. The
/// runtime lets go of it at its end.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// use std::cell::Cell;
/// use taut_runtime::io::core_local;
///
/// #[derive(Default)]
/// struct Sessions(Cell<u32>);
///
/// taut_runtime::run(async {
///     core_local::<Sessions>().0.set(7);
///     assert_eq!(core_local::<Sessions>().0.get(), 7);
/// })?;
/// taut_runtime::run(async { assert_eq!(core_local::<Sessions>().0.get(), 0) })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn core_local<T: Default + 'static>() -> Rc<T> {
    current().locals.get()
}
