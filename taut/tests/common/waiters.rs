//! Tasks that wait in a line, and what the line says of itself.

use std::fmt::Debug;

/// Lets every task that is ready run, and those that they make ready; in turns of the loop, since
/// foreign wakers are called at the end of one.
pub(crate) async fn settle() {
    super::turns(10).await;
}

/// The numbers in the debug form of a primitive: who waits, and who has an answer that it has not
/// taken.
pub(crate) fn waiters(primitive: &impl Debug) -> (usize, usize) {
    let text = format!("{primitive:?}");
    let number = |name: &str| {
        let (_, rest) = text.split_once(name).unwrap_or_else(|| panic!("no {name:?} in {text}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    (number("waiting: "), number("answered: "))
}

#[track_caller]
pub(crate) fn assert_nobody_waits(primitive: &impl Debug) {
    assert_eq!(waiters(primitive), (0, 0), "{primitive:?}");
}

/// What a task that runs this future comes to wait for, and at which lines of its source.
pub(crate) async fn waits_of(future: impl Future + 'static) -> Vec<(String, u32)> {
    let task = taut::spawn(async move { drop(future.await) }).named("watched");
    settle().await;
    let dump = taut::dump();
    let watched = dump.tasks().iter().find(|task| task.name() == Some("watched"));
    let waits = watched.expect("it waits").waits().iter();
    task.abort();
    waits
        .map(|wait| (wait.what().unwrap_or_default().to_owned(), wait.location().unwrap().line()))
        .collect()
}

/// Of the tasks of this runtime, one waits for this at this line of its source.
#[track_caller]
pub(crate) fn assert_a_task_waits(what: &str, line: u32) {
    let dump = taut::dump();
    let mut waits = dump.tasks().iter().flat_map(|task| task.waits());
    let wait = waits.find(|wait| wait.what() == Some(what));
    assert_eq!(wait.expect("it waits").location().unwrap().line(), line, "{dump}");
}
