//! nginx: this program keeps the contract for it, since nginx itself neither announces itself nor
//! ends with its input.
//!
//! nginx runs as one child process, pinned as this one is, and the kernel kills it when this one
//! ends, however that comes about. It answers by `return`, without a file and without a log.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use subject::{About, fail, require};

/// Where Debian has it, which is not on every user's path.
const DEBIAN: &str = "/usr/sbin/nginx";
/// Another program may take a free port before nginx does.
const PORTS_TRIED: u32 = 5;
const START_TIMEOUT: Duration = Duration::from_secs(5);

fn main() {
    // There is one mode.
    let _ = subject::start(&["http"]);
    let Some(nginx) = found() else { fail("nginx is not installed: apt-get install nginx") };
    let about = About {
        version: version(&nginx),
        settings: "one process (master_process off), return 200, access_log off".to_owned(),
    };
    let (_nginx, address) = start(&nginx);
    subject::announce_server(address, &about);
    loop {
        std::thread::park();
    }
}

fn found() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("nginx"));
    on_path.chain([DEBIAN.into()]).find(|program| program.is_file())
}

/// As `nginx 1.22.1`, from what it says as `nginx version: nginx/1.22.1`.
fn version(nginx: &Path) -> String {
    let said = require("nginx does not start", Command::new(nginx).arg("-v").output());
    let said = String::from_utf8_lossy(&said.stderr);
    let number = said.trim().rsplit('/').next().unwrap_or("unknown");
    format!("nginx {number}")
}

/// Starts it on a port that is free.
fn start(nginx: &Path) -> (Child, SocketAddr) {
    let mut problem = String::new();
    for _ in 0..PORTS_TRIED {
        let free = require("no free port", TcpListener::bind("127.0.0.1:0"));
        let address = require("no address", free.local_addr());
        drop(free);
        match start_at(nginx, address) {
            Ok(child) => return (child, address),
            Err(words) => problem = words,
        }
    }
    fail(format_args!("nginx does not start: {}", problem.replace('\n', " ").trim()))
}

/// Starts it on that port and waits until it listens; its words where it ends instead.
fn start_at(nginx: &Path, address: SocketAddr) -> Result<Child, String> {
    // Folders for large bodies, which it makes sure of when it starts and has no use for later.
    let folder = env::temp_dir().join(format!("taut-bench-nginx-{}", id()));
    require("no folder for nginx", fs::create_dir_all(&folder));
    let process_id = memory("process id");
    let mut settings = memory("settings");
    let text = settings_for(address, &folder, &path_of(&process_id));
    require("can't write the settings of nginx", settings.write_all(text.as_bytes()));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(nginx);
    command.args(["-e", "stderr", "-p"]).arg(&folder).arg("-c").arg(path_of(&settings));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = require("can't start setpriv (of util-linux)", command.spawn());
    let listens = listens(&mut child, address);
    let _ = fs::remove_dir_all(&folder);
    match listens {
        true => Ok(child),
        false => {
            let mut words = String::new();
            let _ = child.kill();
            if let Some(mut errors) = child.stderr.take() {
                let _ = errors.read_to_string(&mut words);
            }
            Err(words)
        }
    }
}

fn listens(child: &mut Child, address: SocketAddr) -> bool {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        sleep(Duration::from_millis(2));
    }
    false
}

/// A file in memory, so that nothing is left behind.
fn memory(name: &str) -> File {
    File::from(require("no file in memory", memfd_create(name, MemfdFlags::CLOEXEC)))
}

fn path_of(file: &File) -> String {
    format!("/proc/{}/fd/{}", id(), file.as_raw_fd())
}

fn settings_for(address: SocketAddr, folder: &Path, process_id: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {process_id};
        error_log stderr emerg;
        events {{ worker_connections 16384; }}
        http {{
            access_log off;
            default_type text/plain;
            keepalive_requests 1000000000;
            keepalive_timeout 1d;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            server {{
                listen {address} backlog=1024;
                location = /plaintext {{ return 200 'Hello, World!'; }}
            }}
        }}
        "
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_address_and_keep_connections() {
        let address = "127.0.0.1:4711".parse().expect("an address");
        let text = settings_for(address, Path::new("/tmp/x"), "/proc/1/fd/3");
        for part in
            ["listen 127.0.0.1:4711 ", "pid /proc/1/fd/3;", "/tmp/x/body;", "access_log off;"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
