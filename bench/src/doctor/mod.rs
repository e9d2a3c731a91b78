//! `taut-bench doctor`: what of this host costs latency on some cores, and how to mend it.
//!
//! Every check reads one thing, and says its value, the wanted value, the remedy and how bad it is
//! ([`Severity`](finding::Severity) defines what each word means). Invariant: nothing is written
//! outside of the file that `--json` names, no privilege is needed, and a value that can't be read
//! is a finding itself, with its reason. The one thing that is tried out is a runtime on io_uring,
//! which is built and dropped. Cost: some hundred small files and a few milliseconds.
//!
//! Exit status: 1 where a finding is severe, 2 for a wrong command line, else 0.
//!
//! # The JSON
//!
//! One object. `schema` is 1; fields may be added without a new number.
//!
//! * `version`, `commit`: of this program.
//! * `cores`: the numbers of the judged cores; `cores_asked`: whether `--cores` named them.
//! * `counts`: how many findings are `severe`, `warn`, `unknown`, `info` and `ok`.
//! * `boot_line`: the kernel's options that the cores need as `wanted`, those that the host was not
//!   booted with as `missing`, and `warnings` about the choice of cores; all are lists of texts.
//! * `findings`: objects with `area` (`host`, `cores`, `isolation`, `interrupts`, `c-states`,
//!   `frequency`, `clock`, `memory`, `kernel-noise`, `network`, `io-uring`, `limits`), `name`,
//!   `severity`, and the texts `current`, `wanted`, `mend`, `note`, each of which may be null:
//!   `current` is where the value can't be read, and `note` then has the reason. They are grouped
//!   by area, the worst first in each.

mod boot_line;
mod checks;
mod diagnosis;
mod finding;
#[cfg(test)]
mod fixture;
mod host;
mod options;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use options::Options;
pub(crate) use run::run;
