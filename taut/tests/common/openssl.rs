//! OpenSSL's command line as one end of a TLS connection.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use taut::tls::Identity;

use super::directory::Directory;
use super::foreign::{Foreign, find};
use super::tls::{Authority, NAME};

/// The files that OpenSSL is given, and what we have of the same authority.
pub(crate) struct OpenSsl {
    pub(crate) directory: Directory,
    pub(crate) authority: Authority,
    pem: [String; 2],
}

impl OpenSsl {
    /// Nothing, with the reason, where it is not installed.
    pub(crate) fn new() -> Option<Self> {
        find("openssl", "version")?;
        let (directory, authority) = (Directory::new(), Authority::new());
        let pem = authority.issue_pem(NAME, |_| ());
        let [certificate, key] = &pem;
        std::fs::write(directory.join("certificate.pem"), certificate).unwrap();
        std::fs::write(directory.join("key.pem"), key).unwrap();
        std::fs::write(directory.join("authority.pem"), authority.pem()).unwrap();
        Some(Self { directory, authority, pem })
    }

    /// The identity that is in its files, too.
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(self.pem[0].as_bytes(), self.pem[1].as_bytes()).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let directory: &Path = &self.directory;
        let mut command = Command::new("openssl");
        command.current_dir(directory).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// A server that sends each line back, its letters in reverse, and where it listens.
    pub(crate) fn server(&self, more: &[&str]) -> (Foreign, SocketAddr) {
        let arguments = ["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", "certificate.pem"];
        let arguments = [&arguments[..], &["-key", "key.pem"], more].concat();
        let mut server = Foreign(self.command(&arguments).spawn().unwrap());
        let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let address = lines.find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        (server, address.expect("it says where it listens"))
    }

    /// A client that checks the server's name and certificate, and its input.
    pub(crate) fn client(&self, address: SocketAddr, more: &[&str]) -> (Foreign, ChildStdin) {
        let address = address.to_string();
        let arguments = ["s_client", "-connect", &address, "-servername", NAME];
        let checks = ["-CAfile", "authority.pem", "-verify_return_error"];
        let mut command = self.command(&[&arguments[..], &checks, more].concat());
        let mut client = Foreign(command.stderr(Stdio::piped()).spawn().unwrap());
        let input = client.0.stdin.take().unwrap();
        (client, input)
    }
}

/// Has a client change its keys by `K`, which asks for ours, or by `k`, which does not, and waits
/// until it has. It takes a command only at the beginning of what it reads.
pub(crate) fn change_keys(client: &mut Foreign, input: &mut ChildStdin, command: char) {
    // In one write: what is read behind the command would be data.
    input.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut errors = BufReader::with_capacity(1, client.0.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.starts_with("KEYUPDATE") {
        line.clear();
        assert_ne!(errors.read_line(&mut line).unwrap(), 0, "the client ended");
    }
}
