//! Names: what is answered at once, what is kept, what is shared, and what every failure says.

mod common;

use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use common::tasks::FOREVER;
use common::{block_on, listen, on_each_driver};
use taut::net::{ResolveError, Resolver, ResolverBuilder, TcpStream};
use taut::time::sleep;
use taut::{Runtime, counters};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A name that no resolver has to be asked for: its label is longer than may be.
fn impossible_name() -> String {
    format!("{}.invalid", "x".repeat(64))
}

/// Answers every name with one address, and counts how often it was asked.
fn counting(builder: ResolverBuilder) -> (Resolver, Rc<Cell<u32>>) {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let resolver = builder.lookup(move |name| {
        count.set(count.get() + 1);
        async move {
            match name.starts_with("nowhere") {
                true => Err(Error::new(ErrorKind::HostUnreachable, "nobody knows it")),
                false => Ok(vec![ip("192.0.2.1")]),
            }
        }
    });
    (resolver.build(), asked)
}

fn inner(error: &Error) -> &ResolveError {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a ResolveError")
}

#[test]
fn numeric_and_pinned_names_ask_nobody() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (resolver, asked) = counting(
                Resolver::builder()
                    .pin("Venue.Example.", [ip("192.0.2.7"), ip("2001:db8::7")])
                    .pin("closed.example", []),
            );
            let before = counters();
            let resolved = resolver.resolve("127.0.0.1", 80).await.unwrap();
            assert_eq!(resolved, ["127.0.0.1:80".parse().unwrap()]);
            let resolved = resolver.resolve("::1", 80).await.unwrap();
            assert_eq!(resolved, ["[::1]:80".parse().unwrap()]);
            let both: [SocketAddr; 2] =
                ["192.0.2.7:9".parse().unwrap(), "[2001:db8::7]:9".parse().unwrap()];
            for name in ["venue.example", "VENUE.example", "venue.example."] {
                assert_eq!(resolver.resolve(name, 9).await.unwrap(), both);
            }
            let error = resolver.resolve("closed.example", 9).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(inner(&error).host(), "closed.example");
            assert_eq!(asked.get(), 0);
            assert_eq!(counters().tasks_spawned, before.tasks_spawned);
        });
    });
}

#[test]
fn the_names_of_this_host_need_no_file_and_no_resolver() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let resolver = Resolver::builder().hosts_file(None).build();
            for name in ["localhost", "LocalHost.", "engine.localhost"] {
                let resolved = resolver.resolve(name, 7).await.unwrap();
                assert_eq!(resolved, ["[::1]:7".parse().unwrap(), "127.0.0.1:7".parse().unwrap()]);
            }
        });
    });
}

#[test]
fn the_system_is_asked_for_all_else() {
    on_each_driver(|builder| {
        block_on(builder, async {
            // Only one thread for it: the others wait for their turn.
            let resolver = Resolver::builder().hosts_file(None).system_lookups_max(1).build();
            // The old short forms are known to `getaddrinfo` alone, which needs no network for it.
            let lookups = (1..=8).map(|last| {
                let resolver = resolver.clone();
                async move { resolver.resolve(&format!("127.{last}"), 80).await }
            });
            let resolved = taut::task::all(lookups).await.unwrap();
            for (index, addresses) in resolved.iter().enumerate() {
                let expected = SocketAddr::from(([127, 0, 0, index as u8 + 1], 80));
                assert_eq!(addresses[..], [expected]);
            }
            let error = resolver.resolve(&impossible_name(), 80).await.unwrap_err();
            assert_eq!(inner(&error).host(), impossible_name());
            assert!(error.to_string().contains("/etc/resolv.conf"), "{error}");
        });
    });
}

#[test]
fn an_answer_is_kept_and_forgotten_when_told_to() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (resolver, asked) = counting(Resolver::builder());
            for name in ["venue.example", "VENUE.EXAMPLE", "venue.example"] {
                let resolved = resolver.resolve(name, 80).await.unwrap();
                assert_eq!(resolved, ["192.0.2.1:80".parse().unwrap()]);
            }
            assert_eq!(asked.get(), 1);
            resolver.forget("Venue.Example");
            resolver.resolve("venue.example", 80).await.unwrap();
            assert_eq!(asked.get(), 2);
            resolver.forget_all();
            resolver.resolve("venue.example", 80).await.unwrap();
            assert_eq!(asked.get(), 3);
        });
    });
}

#[test]
fn an_answer_that_has_expired_is_asked_for_again() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let ttl = Duration::from_micros(100);
            let (resolver, asked) = counting(Resolver::builder().ttl(ttl));
            for count in 1..=3 {
                resolver.resolve("venue.example", 80).await.unwrap();
                assert_eq!(asked.get(), count);
                sleep(2 * ttl).await.unwrap();
            }
        });
    });
}

#[test]
fn a_failure_is_kept_too_and_names_the_host_each_time() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (kept, asked) = counting(Resolver::builder().negative_ttl(FOREVER));
            for _ in 0..3 {
                let error = kept.resolve("Nowhere.Example", 80).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::HostUnreachable);
                assert!(error.to_string().contains("nobody knows it"), "{error}");
                assert_eq!(inner(&error).host(), "nowhere.example");
            }
            assert_eq!(asked.get(), 1);
            let (not_kept, asked) = counting(Resolver::builder().negative_ttl(Duration::ZERO));
            for count in 1..=3 {
                assert!(not_kept.resolve("nowhere.example", 80).await.is_err());
                assert_eq!(asked.get(), count);
            }
        });
    });
}

#[test]
fn a_full_cache_asks_again_for_what_it_gave_up() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (resolver, asked) = counting(Resolver::builder().cache_entries_max(2));
            for name in ["one.example", "two.example", "three.example", "three.example"] {
                resolver.resolve(name, 80).await.unwrap();
            }
            assert_eq!(asked.get(), 3);
            resolver.resolve("one.example", 80).await.unwrap();
            assert_eq!(asked.get(), 4);
        });
    });
}

/// A hosts file of this test alone.
struct HostsFile(PathBuf);

impl HostsFile {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("hosts-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for HostsFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_hosts_file_is_read_again_when_it_has_changed() {
    on_each_driver(|builder| {
        let name = impossible_name();
        let file = HostsFile::new("changes", &format!("192.0.2.1 {name}\n2001:db8::1 {name}\n"));
        block_on(builder, async {
            let resolver = Resolver::builder()
                .hosts_file(file.0.clone())
                .hosts_check(Duration::ZERO)
                .negative_ttl(Duration::ZERO)
                .build();
            let resolved = resolver.resolve(&name.to_uppercase(), 80).await.unwrap();
            assert_eq!(
                resolved,
                ["192.0.2.1:80".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap()]
            );
            for last in 2..10_u8 {
                std::fs::write(&file.0, format!("192.0.2.{last} {name}\n")).unwrap();
                let resolved = resolver.resolve(&name, 80).await.unwrap();
                assert_eq!(resolved, [SocketAddr::from(([192, 0, 2, last], 80))]);
            }
            std::fs::remove_file(&file.0).unwrap();
            assert!(resolver.resolve(&name, 80).await.is_err(), "only the file had it");
        });
    });
}

#[test]
fn between_two_checks_the_hosts_file_is_answered_from_memory() {
    on_each_driver(|builder| {
        let name = impossible_name();
        let file = HostsFile::new("kept", &format!("192.0.2.1 {name}\n"));
        block_on(builder, async {
            let resolver =
                Resolver::builder().hosts_file(file.0.clone()).hosts_check(FOREVER).build();
            let first = resolver.resolve(&name, 80).await.unwrap();
            std::fs::remove_file(&file.0).unwrap();
            let before = counters();
            assert_eq!(resolver.resolve(&name, 80).await.unwrap(), first);
            assert_eq!(counters().tasks_spawned, before.tasks_spawned);
            assert_eq!(counters().turns, before.turns, "without a wait");
        });
    });
}

#[test]
fn text_that_is_no_address_and_an_empty_name_say_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for text in ["venue.example", "venue.example:http", "venue.example:70000", ""] {
                let error = TcpStream::connect(text).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
                assert!(error.to_string().contains("host:port"), "{error}");
            }
            for text in [":80", ".:80"] {
                let error = TcpStream::connect(text).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
                assert!(error.to_string().contains("empty"), "{error}");
            }
        });
    });
}

#[test]
fn a_core_has_a_resolver_of_its_own_until_its_runtime_ends() {
    on_each_driver(|builder| {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let runtime: Runtime = builder.clone().build().unwrap();
        runtime.block_on(async {
            let (_listener, address) = listen();
            let resolver = Resolver::builder().lookup(move |_| {
                count.set(count.get() + 1);
                async { Ok(vec![ip("127.0.0.1")]) }
            });
            resolver.build().use_for_core();
            let name = impossible_name();
            TcpStream::connect((name.as_str(), address.port())).await.unwrap();
            TcpStream::connect(format!("{name}:{}", address.port())).await.unwrap();
            assert_eq!(asked.get(), 1);
        });
        drop(runtime);
        assert_eq!(Rc::strong_count(&asked), 1, "the resolver went with its runtime");
        block_on(builder, async {
            assert!(TcpStream::connect((impossible_name(), 80)).await.is_err());
            assert_eq!(asked.get(), 1);
        });
    });
}
