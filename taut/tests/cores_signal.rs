//! A first signal stops the cores, a second one ends the process. Each test runs its case in a
//! process of its own, which it sends the signals.

mod common;

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::cores::sharing;
use common::on_each_driver;
use rustix::process::{Pid, Signal, kill_process};
use taut::cores::StopCause;
use taut::signal::SignalKind;
use taut::{Builder, Driver};

const DRIVER: &str = "TAUT_TEST_DRIVER";
const READY: &str = "cores run";
const HEARD: &str = "a core has heard of it";

/// What runs in the child: cores that wait until they are stopped, and then for so long more.
fn serve(builder: Builder, stop_deadline: Duration, linger: bool) -> io::Result<()> {
    let outcome = sharing(&builder, 3)
        .stop_on([SignalKind::INT, SignalKind::TERM])
        .stop_deadline(stop_deadline)
        .run(move |core| async move {
            if core.index() == 0 {
                println!("{READY}");
            }
            core.stopping().await?;
            if core.index() == 0 {
                println!("{HEARD}");
            }
            if linger {
                loop {
                    std::hint::spin_loop();
                }
            }
            taut::time::sleep(Duration::from_secs(3600)).await?;
            Ok::<_, taut::Cancelled>(())
        })?;
    println!("stopped by {:?}", outcome.stopped_by());
    assert!(matches!(outcome.stopped_by(), Some(StopCause::Signal(_))));
    assert_eq!(outcome.into_values(), [None; 3]);
    Ok(())
}

/// The driver that the parent chose for this child.
fn builder() -> Builder {
    let driver = match std::env::var(DRIVER).unwrap().as_str() {
        "Uring" => Driver::Uring,
        _ => Driver::Epoll,
    };
    taut::Runtime::builder().driver(driver)
}

#[test]
#[ignore = "run in a child process, by the test below"]
fn child_that_stops() {
    serve(builder(), Duration::from_secs(60), false).unwrap();
}

#[test]
#[ignore = "run in a child process, by the test below"]
fn child_that_does_not_stop() {
    serve(builder(), Duration::from_secs(3600), true).unwrap();
}

/// A child that runs one of the cases, and what it prints.
struct Case {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Case {
    fn start(name: &str, driver: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--ignored", "--nocapture"])
            .env(DRIVER, driver)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut case = Self { child, lines };
        case.wait_for(READY);
        case
    }

    fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended without {text:?}");
        }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        // Where a test fails. One that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_each_driver_by_name(body: impl Fn(&str)) {
    on_each_driver(|builder| {
        let driver = builder.build().unwrap().driver();
        body(&format!("{driver:?}"));
    });
}

#[test]
fn the_first_signal_stops_the_cores_and_the_program_goes_on() {
    on_each_driver_by_name(|driver| {
        for signal in [Signal::INT, Signal::TERM] {
            let mut case = Case::start("child_that_stops", driver);
            case.send(signal);
            case.wait_for(&format!("stopped by Some(Signal(SignalKind({})))", signal.as_raw()));
            let mut rest = String::new();
            case.lines.read_to_string(&mut rest).unwrap();
            assert!(case.child.wait().unwrap().success(), "{rest}");
        }
    });
}

#[test]
fn the_second_signal_ends_a_process_whose_cores_do_not_stop() {
    on_each_driver_by_name(|driver| {
        let mut case = Case::start("child_that_does_not_stop", driver);
        case.send(Signal::INT);
        case.wait_for(HEARD);
        // Until the second is a request of its own.
        let status = loop {
            std::thread::park_timeout(Duration::from_millis(50));
            case.send(Signal::INT);
            if let Some(status) = case.child.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(status.signal(), Some(Signal::INT.as_raw()), "{status:?}");
    });
}
