//! What all workloads share that measure echo servers.
//!
//! A workload has cases, each of which every server runs; what is left to it is a client for one
//! server, and one slice with it. Cases that must not share a server process, since the connections
//! of one would spoil another, are in groups of their own.

use std::path::Path;

use crate::harness::clock::Clock;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::plan::Plan;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::Figure;
use crate::report::table::Table;
use crate::serve::Duty;
use crate::subject::{Running, Server, Servers};
use crate::transport::{Address, Transport};

/// Cases that share their servers.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// What tells the cases' series apart: suffixes of the servers' names.
    pub(crate) cases: Vec<String>,
    /// What these servers do with what they receive.
    pub(crate) duty: Duty,
}

/// Which case runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) group: usize,
    pub(crate) case: usize,
}

/// What tells one workload on servers from another.
pub(crate) trait Served: Send {
    /// The client's side of one server of one group.
    type Client: Send;

    fn name(&self) -> &'static str;

    /// What a sample is, in a phrase.
    fn measures(&self) -> String;

    fn settings(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What the messages travel on.
    fn transport(&self) -> Transport {
        Transport::Tcp
    }

    fn groups(&self) -> Vec<Group>;

    /// Suffixes of the series that one slice fills.
    fn parts(&self) -> &'static [&'static str] {
        &[""]
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Self::Client, String>;

    /// The same to a server that shows the certificate in that file, if it shows one: which by
    /// default none does.
    fn connect_trusting(
        &self,
        group: usize,
        address: &Address,
        _certificate: Option<&Path>,
    ) -> Result<Self::Client, String> {
        self.connect(group, address)
    }

    /// Runs one slice against a server that is awake, and stays so.
    fn slice(
        &mut self,
        place: Place,
        client: &mut Self::Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String>;

    fn figures(&self) -> Vec<Figure>;

    /// What a reader must know besides.
    fn note(&self) -> Option<String> {
        None
    }

    fn plan(&self, common: &Common, lanes: usize) -> Plan {
        Plan::new(common.duration, common.rounds as usize, lanes)
    }

    fn tables(&self, _servers: &[(&Server, Option<&Self::Client>)]) -> Vec<Table> {
        Vec::new()
    }

    /// What is wrong with the figures of one server, in this workload's own terms.
    fn judge(&self, _server: &Server, _client: &Self::Client, _lane: &Lane, _: &mut Verdict) {}
}

/// Such a workload while it runs.
#[derive(Debug)]
pub(crate) struct OnServers<W: Served> {
    workload: W,
    groups: Vec<Team<W::Client>>,
    /// Case and server of each lane.
    lanes: Vec<(Place, usize)>,
}

/// The servers of one group, each with its client if it is there.
#[derive(Debug)]
struct Team<C> {
    cases: Vec<String>,
    servers: Servers,
    clients: Vec<Option<C>>,
}

impl<W: Served> OnServers<W> {
    /// Starts the servers and connects to each.
    pub(crate) fn new(
        workload: W,
        selection: &Selection,
        setting: &Setting,
    ) -> Result<Self, String> {
        let (mut groups, mut lanes) = (Vec::new(), Vec::new());
        for (group, Group { cases, duty }) in workload.groups().into_iter().enumerate() {
            let transport = workload.transport();
            let mut servers = Servers::start(selection, transport, duty, setting.cores.server)?;
            let clients = servers.connect_each(|address, certificate| {
                workload.connect_trusting(group, address, certificate)
            });
            for case in 0..cases.len() {
                let place = Place { group, case };
                lanes.extend((0..servers.list.len()).map(|server| (place, server)));
            }
            groups.push(Team { cases, servers, clients });
        }
        Ok(Self { workload, groups, lanes })
    }
}

impl<W: Served> Workload for OnServers<W> {
    fn name(&self) -> &'static str {
        self.workload.name()
    }

    fn measures(&self) -> String {
        self.workload.measures()
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.workload.settings()
    }

    fn plan(&self, common: &Common, lanes: usize) -> Plan {
        self.workload.plan(common, lanes)
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |(place, server): &(Place, usize)| {
            let team = &self.groups[place.group];
            let (server, case) = (&team.servers.list[*server], &team.cases[place.case]);
            let series = |part: &&str| server.series(&format!("{}{case}{part}", server.name));
            Lane { series: self.workload.parts().iter().map(series).collect() }
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (place, server) = self.lanes[turn.lane];
        let team = &mut self.groups[place.group];
        let client = team.clients[server].as_mut().ok_or("its server is not connected")?;
        let running = team.servers.list[server].wake()?;
        let slice = self.workload.slice(place, client, &running, clock, turn)?;
        running.rest()?;
        Ok(slice)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let of_team = |team: &Team<_>| -> Vec<_> {
            team.cases.iter().flat_map(|case| team.servers.pairs(case)).collect()
        };
        self.groups.iter().flat_map(of_team).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        self.workload.figures()
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.groups.first().map_or_else(Vec::new, |team| team.servers.features())
    }

    fn notes(&self) -> Vec<String> {
        let servers = self.groups.first().map_or_else(Vec::new, |team| team.servers.notes());
        servers.into_iter().chain(self.workload.note()).collect()
    }

    fn tables(&self, _: &[Lane]) -> Vec<Table> {
        let mut servers = Vec::new();
        for team in &self.groups {
            servers.extend(team.servers.list.iter().zip(team.clients.iter().map(Option::as_ref)));
        }
        self.workload.tables(&servers)
    }

    fn end(self, lanes: &[Lane], verdict: &mut Verdict) {
        for ((place, server), lane) in self.lanes.iter().zip(lanes) {
            let team = &self.groups[place.group];
            if let Some(client) = &team.clients[*server] {
                self.workload.judge(&team.servers.list[*server], client, lane, verdict);
            }
        }
        for team in self.groups {
            team.servers.end(verdict);
        }
    }
}
