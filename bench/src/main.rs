//! `taut-bench`: pinned benchmarks of the Taut runtime.
//!
//! Each workload measures its floor, the same work by hand-written system calls, in the same run,
//! in many short slices that alternate; what it reports beside the latencies is the median of
//! paired ratios. Without a subcommand it runs `echo`.
//!
//! Exit status: 0 when the figures may be quoted (with the warnings that are printed), 1 when the
//! run failed or a promise (`--sla`) was broken, 2 when the command line or the output folder is
//! wrong.

mod all_to_all;
mod capture;
mod certificate;
mod client;
mod codec;
mod compare;
mod counters;
mod cross;
mod doctor;
mod feeds;
mod harness;
mod http;
mod order;
mod report;
mod serve;
mod stages;
mod subject;
mod sys;
mod transport;
mod work;
mod workloads;
mod ws;
mod ws_feed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use harness::options::{Common, Selection};
use harness::session;
use report::redraw;
use serve::venue;
use subject::Crew;
use workloads::served::{OnServers, Served};
use workloads::{
    asyncio, channels, clock, connections, cores, echo, flood, http as http_workload, http_order,
    jitter, market_data, mesh, micro, multicast, pipeline, pipeline_of_cores, stream, sweep, tasks,
    throughput, tick_to_trade, timers, tls_records, udp, unix, ws as ws_workload, ws_codec,
    ws_feed as ws_feed_workload,
};

/// Counts allocations; see `allocations_per_op` in the report.
#[global_allocator]
static ALLOCATOR: sys::CountingAllocator = sys::CountingAllocator;

/// Pinned benchmarks of the Taut runtime. Without a command it runs echo.
#[derive(Parser, Debug)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    echo: echo::Options,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// TCP round trips over loopback, on the runtime and on raw system calls.
    Echo(echo::Options),
    /// The round trips of echo over Unix sockets.
    Unix(echo::Options),
    /// The round trips of echo with datagrams, over UDP.
    Udp(echo::Options),
    /// A datagram in by UDP, an order out by TCP.
    TickToTrade(echo::Options),
    /// How many datagrams a second one core receives of a flood.
    Flood(flood::Options),
    /// What tasks cost: spawned, joined, giving way, cancelled.
    Tasks(micro::Options),
    /// What a message between the tasks of a core costs.
    Channels(micro::Options),
    /// Latencies at a fixed rate of messages, without coordinated omission.
    Stream(stream::Options),
    /// What a message from one core to another takes: awake, asleep, in a stream.
    Cores(cores::Options),
    /// How many bytes go through one connection, there and back and one way.
    Throughput(throughput::Options),
    /// Many connections at once, and connections that come and go.
    Connections(connections::Options),
    /// Requests of HTTP/1.1: one after the other and several at once, on one connection and many.
    Http(http_workload::Options),
    /// Messages of WebSocket echoed: one by one and many at once, on one connection and many.
    Ws(ws_workload::Options),
    /// What a message of WebSocket costs in memory: decoded, unmasked and validated, or encoded.
    WsCodec(micro::Options),
    /// A venue's feed by WebSocket, at its recorded speed and as one burst: clients.
    WsFeed(ws_feed_workload::Options),
    /// An order by HTTP there and back, plain and over TLS: clients, against one venue.
    HttpOrder(http_order::Options),
    /// What a record of TLS costs, in three designs and by the cipher alone.
    TlsRecords(tls_records::Options),
    /// Several messages under way on one connection.
    Pipeline(pipeline::Options),
    /// Every core sends to every other.
    Mesh(mesh::Options),
    /// An engine of three stages on two cores or three, at a fixed rate.
    PipelineOfCores(pipeline_of_cores::Options),
    /// Bursts to multicast groups: latencies, and losses by cause.
    Multicast(multicast::Options),
    /// A replayed capture of two lines into arbitration, from the kernel's timestamp to the
    /// handler.
    MarketData(market_data::Options),
    /// What the C++ framework's own benchmarks claim to measure, measured.
    Asyncio(asyncio::Options),
    /// How long each core is taken away from whoever runs on it.
    Jitter(jitter::Options),
    /// What reading a clock costs, how it steps, and its order between cores.
    Clock(Common),
    /// How late a sleep of 50 us ends.
    Timers(micro::Options),
    /// One of the servers that the workloads measure, to be used by hand or by them.
    Serve(serve::Options),
    /// One of the subjects of tasks, channels and timers.
    Work(work::Options),
    /// One of the clients of ws-feed.
    Feed(ws_feed::Options),
    /// One of the subjects of ws-codec.
    Codec(codec::Options),
    /// One of the clients of http-order.
    Order(order::Options),
    /// The venue of http-order.
    #[command(hide = true)]
    Venue(venue::Options),
    /// One of the subjects of cores.
    Cross(cross::Options),
    /// The far side of `cross shm-spsc`.
    #[command(hide = true)]
    CrossFar(cross::FarOptions),
    /// Runs of B against runs of A: faster, slower, or no difference shown.
    Compare(compare::Options),
    /// Instructions for each operation, counted exactly under valgrind.
    Counters(counters::Options),
    /// One work of `counters`, so often: what valgrind runs.
    #[command(hide = true)]
    Count(counters::CountOptions),
    /// What of this host costs latency, and how to mend it.
    Doctor(doctor::Options),
    /// Packet captures of market data: made up, or shown.
    Capture(capture::Options),
    /// Merges and redraws the reports of earlier runs.
    Report(redraw::Options),
}

fn main() -> ExitCode {
    let line = Line::parse();
    run(line).unwrap_or_else(|problem| {
        eprintln!("taut-bench: {problem}");
        ExitCode::from(2)
    })
}

fn run(line: Line) -> Result<ExitCode, String> {
    match line.command.unwrap_or(Command::Echo(line.echo)) {
        Command::Echo(options) => run_echo(options, echo::DEFINITION),
        Command::Unix(options) => run_echo(options, unix::DEFINITION),
        Command::Udp(options) => run_echo(options, udp::DEFINITION),
        Command::TickToTrade(options) => run_echo(options, tick_to_trade::DEFINITION),
        Command::Flood(options) => {
            let (common, selection) = (options.common.clone(), options.selection.clone());
            on_servers(&common, &selection, options)
        }
        Command::Tasks(options) => run_micro(&options, tasks::DEFINITION),
        Command::Channels(options) => run_micro(&options, channels::DEFINITION),
        Command::Timers(options) => run_micro(&options, timers::DEFINITION),
        Command::Work(options) => work::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Stream(options) => {
            let (common, selection) = (options.common.clone(), options.selection.clone());
            match options.sweep.clone() {
                Some(promise) => on_servers(&common, &selection, sweep::Sweep { options, promise }),
                None => on_servers(&common, &selection, options),
            }
        }
        Command::Cores(options) => {
            let common = options.places()?;
            session::run(&common, |setting| cores::BetweenCores::new(options, setting))
        }
        Command::Throughput(options) => {
            on_servers(&options.common.clone(), &options.selection.clone(), options)
        }
        Command::Connections(options) => {
            on_servers(&options.common.clone(), &options.selection.clone(), options)
        }
        Command::Http(options) => {
            on_servers(&options.common.clone(), &options.selection.clone(), options)
        }
        Command::Ws(options) => {
            on_servers(&options.common.clone(), &options.selection.clone(), options)
        }
        Command::WsCodec(options) => session::run(&options.common, |setting| {
            let crew = Crew::of_codecs(&options.selection, setting.cores.server)?;
            micro::Micro::of(ws_codec::DEFINITION, crew)
        }),
        Command::WsFeed(options) => session::run(&options.common, |setting| {
            ws_feed_workload::WsFeed::new(&options, setting)
        }),
        Command::Feed(options) => ws_feed::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Codec(options) => codec::run(&options).map(|()| ExitCode::SUCCESS),
        Command::HttpOrder(options) => {
            session::run(&options.common, |setting| http_order::HttpOrder::new(&options, setting))
        }
        Command::TlsRecords(options) => {
            let common = options.common.clone();
            session::run(&common, |_| tls_records::TlsRecords::new(options))
        }
        Command::Pipeline(options) => {
            on_servers(&options.common.clone(), &options.selection.clone(), options)
        }
        Command::Mesh(options) => {
            let (cores, common) = options.places()?;
            session::run(&common, |setting| mesh::Mesh::new(&options, cores, setting))
        }
        Command::PipelineOfCores(options) => {
            let (places, common) = options.places()?;
            session::run(&common, |setting| {
                pipeline_of_cores::PipelineOfCores::new(options, places, setting)
            })
        }
        Command::Multicast(options) => {
            let common = options.common.clone();
            session::run(&common, |setting| multicast::Multicast::new(options, setting))
        }
        Command::MarketData(options) => {
            let common = options.common.clone();
            session::run(&common, |setting| market_data::MarketData::new(options, setting))
        }
        Command::Asyncio(options) => {
            session::run(&options.common, |setting| asyncio::Asyncio::new(&options, setting))
        }
        Command::Jitter(options) => {
            session::run(&options.common, |setting| jitter::Jitter::new(&options, setting))
        }
        Command::Clock(common) => session::run(&common, clock::Clocks::new),
        Command::Serve(options) => serve::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Order(options) => order::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Venue(options) => venue::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Cross(options) => cross::run(&options).map(|()| ExitCode::SUCCESS),
        Command::CrossFar(options) => cross::run_far(&options).map(|()| ExitCode::SUCCESS),
        Command::Compare(options) => compare::run(&options),
        Command::Counters(options) => counters::run(&options),
        Command::Count(options) => counters::count(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Capture(options) => capture::run(&options),
        Command::Report(options) => redraw::run(&options),
    }
}

fn on_servers<W: Served>(
    common: &Common,
    selection: &Selection,
    workload: W,
) -> Result<ExitCode, String> {
    session::run(common, |setting| OnServers::new(workload, selection, setting))
}

fn run_echo(options: echo::Options, definition: echo::Definition) -> Result<ExitCode, String> {
    definition.check(&options)?;
    let (common, selection) = (options.common.clone(), options.selection.clone());
    on_servers(&common, &selection, echo::Echo { options, definition })
}

fn run_micro(options: &micro::Options, definition: micro::Definition) -> Result<ExitCode, String> {
    session::run(&options.common, |setting| {
        micro::Micro::new(definition, &options.selection, setting)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn echo_is_the_default_and_takes_the_same_options() {
        let line = Line::parse_from(["taut-bench", "--size", "128"]);
        assert_eq!(line.echo.size, 128);
        assert!(line.command.is_none());
        let line = Line::parse_from(["taut-bench", "echo", "--size", "128"]);
        assert!(matches!(line.command, Some(Command::Echo(options)) if options.size == 128));
    }
}
