//! What can be asked of both ends of a bounded channel.

/// Implements the questions, and `Debug`, for an end whose channel's state the expression gives.
macro_rules! questions {
    (
        $end:ident [$($generic:ident),+] [$($bound:tt)*],
        $items:literal, |$this:ident| $state:expr
    ) => {
        impl<$($generic),+> $end<$($generic),+>
        where
            $($bound)*
        {
            #[doc = concat!($items, " in the buffer, those among them that a waiter was promised")]
            #[doc = "but has not taken."]
            pub fn len(&self) -> usize {
                let $this = self;
                $state.len()
            }

            #[doc = concat!($items, " that the buffer has room for.")]
            pub fn capacity(&self) -> usize {
                let $this = self;
                $state.capacity()
            }

            /// Whether the buffer is empty.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether the buffer has as much as it has room for.
            pub fn is_full(&self) -> bool {
                let $this = self;
                $state.is_full()
            }

            /// Whether nothing can be sent any more. What was sent before may still be there.
            pub fn is_closed(&self) -> bool {
                let $this = self;
                $state.is_closed()
            }
        }

        impl<$($generic),+> std::fmt::Debug for $end<$($generic),+>
        where
            $($bound)*
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                $state.describe(f.debug_struct(stringify!($end)))
            }
        }
    };
}
