//! What every criterion benchmark of the runtime begins and ends with.

use criterion::Criterion;
use taut::Runtime;

/// Gives the benchmarks their runtime; ends with status 1 where this host has none.
pub(crate) fn measure(benchmarks: impl FnOnce(&mut Criterion, &Runtime)) {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime on this host, nothing to measure: {error}");
            std::process::exit(1);
        }
    };
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion, &runtime);
    criterion.final_summary();
}
