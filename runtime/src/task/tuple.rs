//! Children of different types: tuples of two to eight futures.

use std::pin::Pin;
use std::task::Context;

use super::branch::Branch;
use super::children::{Attempts, Children, Choice, IntoChildren};

/// The [shape](IntoChildren) of tuples.
#[derive(Debug)]
pub struct Tuple;

macro_rules! tuples {
    ($($count:literal $children:ident $one:ident [
        $($index:tt $variant:ident $future:ident $value:ident $field:ident,)+
    ])+) => {$(
        #[doc = concat!("The output of one of ", stringify!($count), " futures of different")]
        #[doc = "types, by its place."]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $one<$($value),+> {
            $(
                #[doc = concat!("Of the child with index ", stringify!($index), ".")]
                $variant($value),
            )+
        }

        impl<T> $one<$(tuples!(@same T $value)),+> {
            /// The output, where all are of one type.
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$variant(value) => value,)+
                }
            }
        }

        pin_project_lite::pin_project! {
            #[doc = concat!("A tuple of ", stringify!($count), " futures.")]
            #[derive(Debug)]
            pub struct $children<$($future: Future),+> {
                $(#[pin] $field: Branch<$future>,)+
            }
        }

        impl<$($future: IntoFuture),+> IntoChildren<Tuple> for ($($future,)+) {
            type Children = $children<$($future::IntoFuture),+>;

            fn into_children(self) -> Self::Children {
                $children { $($field: Branch::new(self.$index.into_future()),)+ }
            }
        }

        impl<$($future: Future),+> Children for $children<$($future),+> {
            type Outputs = ($($future::Output,)+);

            #[inline]
            fn count(&self) -> usize {
                $count
            }

            #[inline]
            fn poll_child(self: Pin<&mut Self>, index: usize, context: &mut Context<'_>) -> bool {
                let this = self.project();
                match index {
                    $($index => this.$field.poll(context),)+
                    _ => unreachable!("a tuple has no more children"),
                }
            }

            #[inline]
            fn take_outputs(self: Pin<&mut Self>) -> Self::Outputs {
                let this = self.project();
                ($(this.$field.take(),)+)
            }
        }

        impl<$($future: Future),+> Choice for $children<$($future),+> {
            type Output = $one<$($future::Output),+>;

            #[inline]
            fn take_output(self: Pin<&mut Self>, index: usize) -> Self::Output {
                let this = self.project();
                match index {
                    $($index => $one::$variant(this.$field.take()),)+
                    _ => unreachable!("a tuple has no more children"),
                }
            }
        }

        impl<Error, $($future, $value),+> Attempts for $children<$($future),+>
        where
            $($future: Future<Output = Result<$value, Error>>,)+
        {
            type Values = ($($value,)+);
            type Value = $one<$($value),+>;
            type Error = Error;

            #[inline]
            fn has_failed(self: Pin<&mut Self>, index: usize) -> bool {
                let this = self.project();
                match index {
                    $($index => this.$field.has_failed(),)+
                    _ => unreachable!("a tuple has no more children"),
                }
            }

            #[inline]
            fn take_values(self: Pin<&mut Self>) -> Self::Values {
                let this = self.project();
                ($(this.$field.take_value(),)+)
            }

            #[inline]
            fn take_value(self: Pin<&mut Self>, index: usize) -> Self::Value {
                let this = self.project();
                match index {
                    $($index => $one::$variant(this.$field.take_value()),)+
                    _ => unreachable!("a tuple has no more children"),
                }
            }

            #[inline]
            fn take_error(self: Pin<&mut Self>, index: usize) -> Error {
                let this = self.project();
                match index {
                    $($index => this.$field.take_error(),)+
                    _ => unreachable!("a tuple has no more children"),
                }
            }
        }
    )+};
    (@same $type:ident $value:ident) => { $type };
}

tuples! {
    2 Two OneOf2 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
    ]
    3 Three OneOf3 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
    ]
    4 Four OneOf4 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
        3 Fourth F3 V3 fourth,
    ]
    5 Five OneOf5 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
        3 Fourth F3 V3 fourth,
        4 Fifth F4 V4 fifth,
    ]
    6 Six OneOf6 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
        3 Fourth F3 V3 fourth,
        4 Fifth F4 V4 fifth,
        5 Sixth F5 V5 sixth,
    ]
    7 Seven OneOf7 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
        3 Fourth F3 V3 fourth,
        4 Fifth F4 V4 fifth,
        5 Sixth F5 V5 sixth,
        6 Seventh F6 V6 seventh,
    ]
    8 Eight OneOf8 [
        0 First F0 V0 first,
        1 Second F1 V1 second,
        2 Third F2 V2 third,
        3 Fourth F3 V3 fourth,
        4 Fifth F4 V4 fifth,
        5 Sixth F5 V5 sixth,
        6 Seventh F6 V6 seventh,
        7 Eighth F7 V7 eighth,
    ]
}
