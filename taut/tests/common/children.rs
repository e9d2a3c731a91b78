//! The children that the tests of processes start.

use std::os::unix::process::CommandExt;

use taut::process::{Child, Command, Stdio};

pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// A child that reads its input to the end, and nothing else.
pub(crate) async fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().await.unwrap()
}

/// A command that starts when something is written to the other end of this pipe.
pub(crate) fn gated(program: &str) -> (Command, std::io::PipeWriter) {
    let (gate, release) = std::io::pipe().unwrap();
    let mut command = Command::new(program);
    // SAFETY: the closure only reads from a descriptor that it owns.
    unsafe {
        command.as_std_mut().pre_exec(move || {
            rustix::io::read(&gate, &mut [0; 1])?;
            Ok(())
        });
    }
    (command, release)
}
