//! The peers that `scripts/bench-peers.sh` has built, or could not build.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What a peer does; see `bench/SUBJECTS.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Echo,
    Sink,
    UdpSink,
    Http,
    Https,
    Ws,
    Wss,
    Micro,
    Cores,
    Codec,
    Feed,
    Order,
}

impl Role {
    /// Whether it listens on an address, and not for lines that name works.
    pub(crate) fn is_server(self) -> bool {
        matches!(
            self,
            Self::Echo
                | Self::Sink
                | Self::UdpSink
                | Self::Http
                | Self::Https
                | Self::Ws
                | Self::Wss
        )
    }
}

/// One peer in one role.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Whether its idle loop never sleeps.
    pub(crate) spins: bool,
    /// Why it can't run.
    pub(crate) unavailable: Option<String>,
}

/// All peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Manifest {
    peers: Vec<Entry>,
}

impl Manifest {
    /// Reads the file; without one there are no peers.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, String> {
        let Some(file) = file else { return Ok(Self::default()) };
        let problem = |error: &dyn std::fmt::Display| {
            format!(
                "{} is no list of peers: {error}; scripts/bench-peers.sh writes one",
                file.display()
            )
        };
        let text = fs::read_to_string(file).map_err(|error| problem(&error))?;
        serde_json::from_str(&text).map_err(|error| problem(&error))
    }

    /// The names of all servers; one that has several roles is named for each.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &str> {
        let servers = self.peers.iter().filter(|peer| peer.role.is_server());
        servers.map(|peer| peer.name.as_str())
    }

    /// The peers in that role.
    pub(crate) fn peers(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.peers.iter().filter(move |peer| peer.role == role)
    }
}

impl Entry {
    /// Program and arguments, or why there are none.
    pub(crate) fn program(&self) -> Result<(PathBuf, &[String]), String> {
        if let Some(reason) = &self.unavailable {
            return Err(reason.clone());
        }
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| "the list of peers names no program for it".to_owned())?;
        Ok((program.into(), arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_could_not_be_built_keep_their_reason() {
        let text = r#"{"peers":[
            {"name":"tokio","role":"echo","command":["/x/tokio","echo"],"spins":false,"unavailable":null},
            {"name":"asio","role":"echo","command":[],"spins":true,"unavailable":"no header"},
            {"name":"rtrb","role":"micro","command":["/x/rtrb"],"spins":false,"unavailable":null}]}"#;
        let manifest: Manifest = serde_json::from_str(text).unwrap();
        let echo: Vec<_> = manifest.peers(Role::Echo).collect();
        assert_eq!(echo.len(), 2);
        assert_eq!(echo[0].program().unwrap().1, ["echo"]);
        assert_eq!(echo[1].program().unwrap_err(), "no header");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_that_names_its_maker() {
        let error = Manifest::read(Some(Path::new("/nowhere.json"))).unwrap_err();
        assert!(error.contains("/nowhere.json") && error.contains("bench-peers.sh"), "{error}");
    }
}
