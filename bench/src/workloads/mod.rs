//! The workloads: one file each, on the harness.

mod ask_all;
pub(crate) mod asyncio;
pub(crate) mod channels;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod core_list;
pub(crate) mod cores;
pub(crate) mod echo;
pub(crate) mod flood;
pub(crate) mod flowing;
pub(crate) mod http;
pub(crate) mod jitter;
pub(crate) mod market_data;
pub(crate) mod mesh;
pub(crate) mod micro;
pub(crate) mod multicast;
pub(crate) mod pipeline;
pub(crate) mod pipeline_of_cores;
pub(crate) mod served;
pub(crate) mod stream;
pub(crate) mod sweep;
pub(crate) mod tasks;
pub(crate) mod throughput;
pub(crate) mod tick_to_trade;
pub(crate) mod timers;
pub(crate) mod udp;
pub(crate) mod unix;
