//! The end of the HTTP server: idle connections are closed, running requests end, what takes too
//! long is cut; under load each request is answered once or its client learns that it was not.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::http::{Client, Running, get, header, limits, mirror, post};
use common::{block_on, in_time, listen, on_each_driver};
use taut::http::{Request, Response};
use taut::net::{TcpListener, TcpStream};
use taut::sync::Event;
use taut::task::TaskGroup;
use taut::time::sleep;

#[test]
fn idle_connections_are_closed_and_nobody_else_is_let_in() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), mirror);
            let mut fresh = running.client().await;
            let mut idle = running.client().await;
            idle.send(get("/")).await;
            idle.expect(200).await;
            common::until(|| running.server.counters().connections_live == 2).await;
            running.server.shutdown();
            assert!(running.server.is_shutting_down());
            assert_eq!((fresh.rest().await, idle.rest().await), (String::new(), String::new()));
            assert!(TcpStream::connect(running.address).await.is_err());
            drop((fresh, idle));
            assert_eq!(running.end().await.connections_cut, 0);
        });
    });
}

#[test]
fn running_requests_end_and_say_that_they_are_the_last() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let gate = Rc::new(Event::new());
            let waiting = Rc::clone(&gate);
            let running = Running::start(limits(), async move |mut request: Request<'_>| {
                waiting.wait().await.unwrap();
                Response::ok(request.bytes().await.unwrap())
            });
            let mut client = running.client().await;
            client.send(post("/", "first") + &post("/", "second")).await;
            // Another one has begun to send its request.
            let mut begun = running.client().await;
            begun.send("POST / HT").await;
            common::turns(50).await;
            running.server.shutdown();
            common::turns(50).await;
            gate.set();
            let answer = client.rest().await;
            assert_eq!(header(&answer, "connection"), Some("close"));
            assert!(answer.ends_with("first"), "the second one was not begun: {answer}");
            begun.send(&post("/", "late")["POST / HT".len()..]).await;
            let answer = begun.rest().await;
            assert!(answer.ends_with("late") && header(&answer, "connection") == Some("close"));
            assert_eq!(running.end().await.requests, 2);
        });
    });
}

#[test]
fn what_does_not_end_in_time_is_cut() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let told = Rc::new(Cell::new(false));
            let tell = Rc::clone(&told);
            let limits = limits().shutdown_timeout(Duration::from_millis(20));
            let running = Running::start(limits, async move |_: Request<'_>| {
                let error = sleep(Duration::from_secs(3600)).await.unwrap_err();
                tell.set(taut::is_cancelled(&error));
                Response::text("too late")
            });
            let mut client = running.client().await;
            client.send(get("/")).await;
            common::until(|| running.server.counters().requests == 1).await;
            let counters = running.end().await;
            assert!(told.get(), "the handler's await failed");
            assert_eq!(counters.connections_cut, 1);
        });
    });
}

#[test]
fn a_cancelled_server_ends_its_connections() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let server = taut::spawn(taut::http::serve(listener, mirror));
            let mut client = Client::connect(address).await;
            client.send(get("/")).await;
            client.expect(200).await;
            server.cancel();
            let error = in_time(server).await.unwrap().unwrap_err();
            assert!(taut::is_cancelled(&error));
            assert!(!client.stream.recv().await.is_ok_and(|bytes| !bytes.is_empty()));
        });
    });
}

/// What became of the requests of one client.
#[derive(Default)]
struct Fates {
    answered: Cell<u64>,
    unanswered: Cell<u64>,
    refused: Cell<u64>,
}

/// Asks with numbers until told to stop; each answer has to be that of its question.
async fn ask(address: std::net::SocketAddr, fates: Rc<Fates>, stop: Rc<Cell<bool>>, client: u64) {
    let mut number = 0;
    while !stop.get() {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            fates.refused.set(fates.refused.get() + 1);
            sleep(Duration::from_micros(200)).await.unwrap();
            continue;
        };
        let mut is_open = true;
        while is_open && !stop.get() {
            number += 1;
            let body = format!("{client}:{number}");
            let mut answer = Vec::new();
            if stream.write_all(post("/", &body).as_bytes()).await.is_ok() {
                let end = format!("POST / {body}");
                while !answer.ends_with(end.as_bytes()) {
                    match stream.recv().await {
                        Ok(bytes) if !bytes.is_empty() => answer.extend_from_slice(&bytes),
                        _ => break,
                    }
                }
            }
            let answer = String::from_utf8(answer).unwrap();
            let is_answered = answer.matches("HTTP/1.1 200").count() == 1;
            assert!(is_answered || answer.is_empty(), "half an answer: {answer:?}");
            let fate = if is_answered { &fates.answered } else { &fates.unanswered };
            fate.set(fate.get() + 1);
            is_open = is_answered && header(&answer, "connection").is_none();
        }
    }
}

#[test]
fn a_restart_under_load_answers_each_request_once_or_its_client_learns_of_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (fates, stop) = (Rc::new(Fates::default()), Rc::new(Cell::new(false)));
            let clients = TaskGroup::discarding();
            let mut running = Running::on(listener, address, limits(), mirror);
            for client in 0..16 {
                clients.add(ask(address, Rc::clone(&fates), Rc::clone(&stop), client));
            }
            let mut served = 0;
            for _ in 0..5 {
                sleep(Duration::from_millis(20)).await.unwrap();
                let counters = running.end().await;
                assert_eq!((counters.connections_cut, counters.responses_aborted), (0, 0));
                served += counters.responses_2xx;
                let listener = TcpListener::bind(address).unwrap();
                running = Running::on(listener, address, limits(), mirror);
            }
            sleep(Duration::from_millis(20)).await.unwrap();
            stop.set(true);
            in_time(clients.wait()).await.unwrap();
            served += running.end().await.responses_2xx;
            assert!(served > 100, "there was load: {served}");
            assert_eq!(served, fates.answered.get(), "each that was handled was answered once");
        });
    });
}
