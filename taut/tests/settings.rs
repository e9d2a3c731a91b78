//! Settings that make no sense are refused with their name; a core that does not exist is an error,
//! or a line in the features where degraded mode is allowed.

mod common;

use std::time::Duration;

use common::on_each_driver;
use taut::{BuildErrorKind, Builder, Runtime, WaitStrategy};

type Change = fn(Builder) -> Builder;

/// More cores than any kernel counts.
const NO_CORE: usize = 100_000;

#[test]
fn each_bad_setting_is_refused_with_its_name() {
    let zero: [(&str, Change); 12] = [
        ("submission_entries", |builder| builder.submission_entries(0)),
        ("completion_entries", |builder| builder.completion_entries(0)),
        ("receive_buffers", |builder| builder.receive_buffers(0)),
        ("receive_buffer_bytes", |builder| builder.receive_buffer_bytes(0)),
        ("receive_window_buffers", |builder| builder.receive_window_buffers(0)),
        ("send_buffer_bytes", |builder| builder.send_buffer_bytes(0)),
        ("operations_max", |builder| builder.operations_max(0)),
        ("poll_budget", |builder| builder.poll_budget(0)),
        ("background_budget", |builder| builder.background_budget(0)),
        ("completion_budget", |builder| builder.completion_budget(0)),
        ("accept_queue", |builder| builder.accept_queue(0)),
        ("blocking_threads_max", |builder| builder.blocking_threads_max(0)),
    ];
    let napi = |timeout| WaitStrategy::NapiPoll { timeout };
    on_each_driver(|builder| {
        let bad = |name: &str, builder: Builder| {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), BuildErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains(name), "{name} is not in: {error}");
        };
        for (name, change) in zero {
            bad(name, change(builder.clone()));
        }
        bad("receive_buffers", builder.clone().receive_buffers(3));
        bad("receive_buffers", builder.clone().receive_buffers(40_000));
        bad("hot_buffers", builder.clone().hot_buffers(u16::MAX));
        bad("completion_entries", builder.clone().submission_entries(64).completion_entries(32));
        bad("NapiPoll", builder.clone().wait(napi(Duration::ZERO)));
        bad("NapiPoll", builder.wait(napi(Duration::from_secs(1))));
    });
}

#[test]
fn the_least_and_the_largest_settings_work() {
    on_each_driver(|builder| {
        let least = builder
            .clone()
            .submission_entries(1)
            .completion_entries(1)
            .receive_buffers(1)
            .receive_buffer_bytes(1)
            .receive_window_buffers(1)
            .hot_buffers(0)
            .send_buffers(0)
            .send_buffer_bytes(1)
            .poll_budget(1)
            .background_budget(1)
            .completion_budget(1)
            .accept_queue(1);
        let largest = builder
            .submission_entries(u32::MAX)
            .completion_entries(u32::MAX)
            .receive_buffers(1 << 15)
            .receive_buffer_bytes(64)
            .receive_window_buffers(u32::MAX)
            .hot_buffers(u16::MAX - (1 << 15))
            .send_buffers(u16::MAX)
            .send_buffer_bytes(64)
            .operations_max(u32::MAX)
            .poll_budget(u32::MAX)
            .background_budget(u32::MAX)
            .completion_budget(u32::MAX)
            .accept_queue(u32::MAX)
            .zero_copy_send_bytes_min(Some(0));
        for builder in [least, largest] {
            common::block_on(builder, async {
                let (mut client, mut server) = common::connected_pair().await;
                let sent = common::Random::new(1).bytes(10_000);
                client.send(sent.clone()).await.unwrap();
                let mut received = vec![0; sent.len()];
                server.read_exact(&mut received).await.unwrap();
                assert!(received == sent, "bytes differ");
            });
        }
    });
}

#[test]
fn buffers_that_no_machine_has_are_an_error_with_a_remedy() {
    on_each_driver(|builder| {
        let error =
            builder.receive_buffers(1 << 15).receive_buffer_bytes(u32::MAX).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::MemoryLimit);
        assert!(error.to_string().contains("receive_buffer_bytes"), "{error}");
    });
}

#[test]
fn a_core_that_does_not_exist_is_an_error_unless_degraded_is_allowed() {
    for core in [1_000, NO_CORE, usize::MAX] {
        on_each_driver(|builder| {
            let error = builder.clone().core(core).build().unwrap_err();
            assert_eq!(error.kind(), BuildErrorKind::Pin);
            assert!(error.to_string().contains(&format!("core {core}")), "{error}");
            let runtime: Runtime = builder.core(core).allow_degraded(true).build().unwrap();
            let refused = runtime.features().refused().any(|feature| feature.name == "pinned");
            assert!(refused, "{}", runtime.features());
            assert_eq!(runtime.block_on(async { 1 }), 1);
        });
    }
}
