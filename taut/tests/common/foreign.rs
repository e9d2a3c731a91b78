//! Programs that others wrote: found or left out, with the reason, and servers of theirs, each at a
//! port of loopback and in a directory of its own, ended with the test.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::{HUNG_AFTER, loopback};

/// Ports that are tried: between our choice and the server's start another program may take one.
const PORTS_TRIED: usize = 5;

/// Where `.ci/run` puts programs that npm has.
const FROM_NPM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/interop/node_modules/.bin");

/// Where a program is. Says its version, or that the test is left out without it. Its packages may
/// put it where only administrators look.
pub(crate) fn find(program: &str, version_option: &str) -> Option<PathBuf> {
    find_of_version(program, version_option, "")
}

/// As [`find`], left out also where what it says of its version lacks this text.
pub(crate) fn find_of_version(program: &str, option: &str, version: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), FROM_NPM.into()]);
    let Some(found) = folders.map(|folder| folder.join(program)).find(|file| file.is_file()) else {
        eprintln!("SKIPPED: {program} is not installed");
        return None;
    };
    match Command::new(&found).arg(option).output() {
        Ok(output) => {
            // One of them says it on the error output.
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let said = said.lines().next().unwrap_or("of an unknown version");
            eprintln!("{program}: {said}");
            if !said.contains(version) {
                eprintln!("SKIPPED: what is known is known of {program} {version:?}");
                return None;
            }
            Some(found)
        }
        Err(error) => {
            eprintln!("SKIPPED: {} can't be run: {error}", found.display());
            None
        }
    }
}

/// A process that ends with its test.
pub(crate) struct Foreign(pub(crate) Child);

impl Drop for Foreign {
    fn drop(&mut self) {
        // One that has ended already can't be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that listens.
pub(crate) struct ForeignServer {
    pub(crate) process: Foreign,
    pub(crate) address: SocketAddr,
    pub(crate) directory: Directory,
}

impl ForeignServer {
    /// Starts what `command` makes of a directory and an address, and waits until it listens there.
    pub(crate) fn start(command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        let mut told = String::new();
        for _ in 0..PORTS_TRIED {
            let directory = Directory::new();
            let address = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
            let log = directory.join("log");
            let output = File::create(&log).unwrap();
            let mut command = command(&directory, address);
            command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
            let mut process = Foreign(command.spawn().unwrap());
            if listens(&mut process, address) {
                return Self { process, address, directory };
            }
            told = std::fs::read_to_string(log).unwrap();
        }
        panic!("the server ends before it listens: {told}");
    }

    /// An nginx with these directives within `http`.
    pub(crate) fn nginx(program: &Path, http: impl Fn(&Path, SocketAddr) -> String) -> Self {
        Self::start(|directory, address| {
            let folder = directory.display();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
                .concat();
            let config = format!(
                "daemon off;\nmaster_process off;\nworker_processes 1;\n\
                 pid {folder}/pid;\nerror_log {folder}/error.log;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{\n    access_log off;\n{temporary}{}\n}}\n",
                http(directory, address),
            );
            std::fs::write(directory.join("nginx.conf"), config).unwrap();
            let mut command = Command::new(program);
            command.arg("-e").arg(directory.join("error.log")).arg("-p").arg(directory);
            command.arg("-c").arg(directory.join("nginx.conf"));
            command
        })
    }

    /// A haproxy in front of the server at `backend`. It marks what comes from there.
    pub(crate) fn haproxy(program: &Path, backend: SocketAddr) -> Self {
        Self::start(|directory, address| {
            let config = format!(
                "global\n    nbthread 1\n    maxconn 256\n\
                 defaults\n    mode http\n    timeout connect 30s\n    timeout client 30s\n\
                 \x20   timeout server 30s\n\
                 frontend all\n    bind {address}\n    default_backend ours\n\
                 \x20   http-response set-header from-behind yes\n\
                 backend ours\n    server ours {backend}\n"
            );
            std::fs::write(directory.join("haproxy.cfg"), config).unwrap();
            let mut command = Command::new(program);
            command.arg("-db").arg("-f").arg(directory.join("haproxy.cfg"));
            command
        })
    }

    /// A server of Node's: a program that listens at the port that is its first argument.
    pub(crate) fn node(program: &Path, script: &str) -> Self {
        Self::start(|_, address| {
            let mut command = Command::new(program);
            command.arg("--eval").arg(script).arg(address.port().to_string());
            command
        })
    }
}

/// Waits until somebody listens there; false where the process ends first.
#[expect(clippy::disallowed_methods, reason = "nothing else has to happen while a server starts")]
fn listens(process: &mut Foreign, address: SocketAddr) -> bool {
    let start = Instant::now();
    while process.0.try_wait().unwrap().is_none() {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        assert!(start.elapsed() < HUNG_AFTER, "nobody listens at {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
