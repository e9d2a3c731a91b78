//! Whether B is faster or slower than A, in words that the runs support.
//!
//! One favourable run proves nothing: how a process happens to lie in memory and what the
//! neighbours do moves a whole run, all its rounds alike. So what is compared is runs, at least
//! [`RUNS_MIN`](check::RUNS_MIN) a side. Where both sides have the floor, a run's figure is its
//! ratio to the floor of the same run, in which a host that drifts cancels out.
//!
//! A verdict other than `no difference shown` needs two things at once: an exact rank test that
//! finds at most 5 % of chance for any of the series' figures (Holm's correction), and a bootstrap
//! interval of the difference of the medians without zero in it. Either alone is not enough: with
//! few runs the interval is too narrow, and the test says nothing about how much.
//! Invariant: two samples of the same thing are told apart in at most 5 of 100 comparisons of a
//! series, whatever the shape of their noise.

mod bootstrap;
mod check;
mod comparison;
mod figures;
mod judge;
mod options;
pub(crate) mod random;
mod rank_test;
mod run;
mod runs;

pub(crate) use options::Options;
pub(crate) use run::run;
