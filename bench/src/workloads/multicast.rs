//! Bursts to multicast groups: how late they are received, and what is lost of them, where.
//!
//! One sender on the client's core sends a burst over all groups in turns, by `sendmmsg`, waits
//! until its last datagram has come in, and pauses. A sample is the time from before the system
//! call that sends a datagram to the moment when the receiver's handler has it; so the last ones of
//! a long burst have waited for those before them.

use std::time::Duration;

use clap::Args;

use crate::feeds::bursts::{Account, Bursts, HEAD_BYTES, SIZE_MAX};
use crate::feeds::members::Members;
use crate::feeds::route::{BATCH, Route};
use crate::harness::clock::Clock;
use crate::harness::duration::{format_duration, parse_duration};
use crate::harness::environment::FeatureRow;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::report::table::Table;

/// Groups that the kernel lets a socket join unless it is told otherwise.
const GROUPS_MAX: i64 = 20;
/// A larger burst than any receive buffer holds.
const BURST_MAX: i64 = 65_536;

/// Measures bursts of datagrams to multicast groups, and what is lost of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How many groups the receiver's socket has joined; a list makes a case of each.
    #[arg(long, value_delimiter = ',', default_value = "1,4", value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=GROUPS_MAX))]
    groups: Vec<u32>,

    /// Datagrams of a burst; a list makes a case of each.
    #[arg(long, value_delimiter = ',', default_value = "1,32,1024", value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=BURST_MAX))]
    burst: Vec<u32>,

    /// Bytes of a datagram: a head of 24 and padding.
    #[arg(long, default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(HEAD_BYTES as i64..=SIZE_MAX as i64))]
    size: u32,

    /// Pause after each burst.
    #[arg(long, default_value = "50us", value_parser = parse_duration)]
    pause: Duration,

    #[command(flatten)]
    route: Route,

    /// Series to run, separated by commas: floor, taut, taut-hot, taut-epoll, taut-park; by default
    /// all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    series: Vec<String>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Multicast {
    options: Options,
    core: usize,
    members: Members,
    cases: Vec<Bursts>,
    /// Case and member of each lane, and what became of its datagrams.
    lanes: Vec<(usize, usize, Account)>,
}

impl Multicast {
    pub(crate) fn new(options: Options, setting: &Setting) -> Result<Self, String> {
        options.route.check()?;
        let members = Members::choose(&options.series)?;
        let case = |groups: u32, burst: u32| Bursts {
            route: options.route.clone(),
            groups: groups as usize,
            burst: burst as usize,
            size: options.size as usize,
            pause: options.pause,
        };
        let of_groups = |&groups: &u32| options.burst.iter().map(move |&burst| (groups, burst));
        let cases: Vec<Bursts> = options
            .groups
            .iter()
            .flat_map(of_groups)
            .map(|(groups, burst)| case(groups, burst))
            .collect();
        let lane = |case| (0..members.list.len()).map(move |one| (case, one, Account::default()));
        let lanes = (0..cases.len()).flat_map(lane).collect();
        Ok(Self { core: setting.cores.server, options, members, cases, lanes })
    }

    fn suffix(&self, case: usize) -> String {
        let Bursts { groups, burst, .. } = self.cases[case];
        format!(":{groups}x{burst}")
    }
}

impl Workload for Multicast {
    fn name(&self) -> &'static str {
        "multicast"
    }

    fn measures(&self) -> String {
        format!(
            "from before the send to the handler, multicast of {} B in bursts, {}",
            self.options.size,
            self.options.route.describe()
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let bursts = format!(
            "NAME:GROUPSxBURST, by sendmmsg of up to {BATCH}; {} after each",
            format_duration(self.options.pause)
        );
        vec![("bursts".to_owned(), bursts)]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |&(case, member, _): &(usize, usize, Account)| {
            Lane::of(self.members.list[member].series(&self.suffix(case)))
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (case, member, ref mut sum) = self.lanes[turn.lane];
        let (kind, rehearsal) = (self.members.list[member].kind, turn.rehearsal);
        let (slice, account) = self.cases[case].slice(kind, self.core, clock, turn)?;
        if !rehearsal {
            sum.add(&account);
        }
        Ok(slice)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let suffixes: Vec<String> = (0..self.cases.len()).map(|case| self.suffix(case)).collect();
        self.members.pairs(&suffixes)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.members.features()
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "a sample is one datagram: from before the system call that sends it to the handler. \
             All of one call have one stamp, so that the last of 64 has waited for the 63 before \
             it; the same for all series.",
            "sender and receiver stamp with the same clock, which their cores have in common only \
             as far as the kernel has tested it (clocksource tsc): a sample may be off by some \
             nanoseconds, the same for all series, and no program can prove by how many.",
            "in the table, dropped at socket is the kernel's own count (SO_MEMINFO: no room in the \
             receive buffer, of which the last column tells what was granted); lost elsewhere is \
             what was sent, never came and is in no count of the socket: on the way, by a device, \
             a queue discipline or net.core.netdev_max_backlog. Warm-ups are included.",
            "floor, taut-hot and taut-epoll ask the kernel whenever they are idle: most of their \
             calls are empty polls. cpu ns/op is all of the receiver's time, spinning and pauses \
             included; allocations are the whole process's.",
        ];
        notes.map(str::to_owned).into()
    }

    fn tables(&self, lanes: &[Lane]) -> Vec<Table> {
        let columns = [
            "series",
            "sent",
            "received",
            "dropped at socket",
            "lost elsewhere",
            "duplicates",
            "reordered",
            "buffer KiB",
        ];
        let mut table = Table::new("what became of the datagrams", &columns);
        for ((.., account), lane) in self.lanes.iter().zip(lanes) {
            if account.sent == 0 {
                continue;
            }
            let counts = [
                account.sent,
                account.received,
                account.kernel_drops,
                account.lost_elsewhere(),
                account.duplicates,
                account.reordered,
                account.buffer_bytes >> 10,
            ];
            let name = lane.series[0].name.clone();
            table.row(std::iter::once(name).chain(counts.map(|count| count.to_string())));
        }
        vec![table]
    }

    fn end(self, lanes: &[Lane], verdict: &mut Verdict) {
        for ((.., account), lane) in self.lanes.iter().zip(lanes) {
            let name = &lane.series[0].name;
            if account.backwards > 0 {
                verdict.warn(format!(
                    "{name}: {} datagrams came before they were sent: the clocks of the two cores \
                     are apart by more than the way takes",
                    account.backwards
                ));
            }
            let lost = account.kernel_drops + account.lost_elsewhere();
            if lost > 0 {
                verdict.warn(format!(
                    "{name}: {lost} of {} datagrams were lost: the latencies are those of the \
                     rest; the table says where, and net.core.rmem_max caps the buffer",
                    account.sent
                ));
            }
        }
    }
}
