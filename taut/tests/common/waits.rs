//! Every kind of wait that there is, each of which would not end by itself.

use std::error::Error;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;

use taut::buffer::TxBuf;
use taut::channel::{broadcast, conflate, mpsc, oneshot, shared, watch};
use taut::fs::File;
use taut::io::{Descriptor, Interest, Pollable, pipe, readiness};
use taut::net::{ReconnectingStream, Resolver};
use taut::net::{TcpStream, UnixBind, UnixDatagram, UnixFdStream, UnixListener, UnixSeqpacket};
use taut::process::{Command, Pty, Stdio};
use taut::signal::{SignalKind, ctrl_c, signal};
use taut::sync::{Barrier, Condition, Event, Mutex, Notify, OnceCell, RwLock, Semaphore};
use taut::task::{CancelToken, TaskGroup};
use taut::time::{Instant, interval_at, sleep, timeout};
use taut::{off_core, spawn};

use super::directory::Directory;
use super::tasks::FOREVER;
use super::{connected_pair, listen, silent_listener};

type Outcome = Result<(), Box<dyn Error>>;

/// A wait's name and the wait.
pub(crate) type Wait = (&'static str, Pin<Box<dyn Future<Output = Outcome>>>);

macro_rules! wait {
    ($waits:ident, $name:literal, $future:expr) => {
        $waits.push(($name, Box::pin($future)));
    };
}

/// All of them, none of which has begun.
pub(crate) async fn every_wait() -> Vec<Wait> {
    let mut waits: Vec<Wait> = Vec::new();
    waits_of_streams(&mut waits).await;
    waits_of_unix_sockets(&mut waits);
    waits_in_line(&mut waits);
    waits_of_channels(&mut waits);
    waits_of_files(&mut waits);
    waits_of_descriptors(&mut waits);
    waits_of_children(&mut waits).await;
    wait!(waits, "sleep", async { Ok(sleep(FOREVER).await?) });
    wait!(waits, "interval", async {
        let mut ticks = interval_at(Instant::now() + FOREVER, FOREVER);
        Ok(ticks.tick().await.map(drop)?)
    });
    wait!(waits, "timeout", async { Ok(timeout(FOREVER, sleep(FOREVER)).await??) });
    wait!(waits, "a task's handle", async { Ok(spawn(sleep(FOREVER)).await??) });
    wait!(waits, "flatten", async { Ok(spawn(own_sleep()).flatten().await?) });
    wait!(waits, "next of a group", async {
        let group = TaskGroup::new();
        group.add(sleep(FOREVER));
        Ok(group.next().await.ok_or("the group has a member")???)
    });
    wait!(waits, "end of a group", async {
        let group = TaskGroup::new();
        let tell = CancelToken::new();
        let heard = tell.clone();
        group.add(async move {
            if sleep(FOREVER).await.is_err() {
                heard.cancel();
            }
        });
        group.wait().await?;
        assert!(group.is_empty());
        Ok(tell.check()?)
    });
    let token = CancelToken::new();
    wait!(waits, "token", async move { Ok(token.cancelled().await?) });
    let token = CancelToken::new();
    wait!(waits, "under a token", async move { Ok(token.run(sleep(FOREVER)).await?) });
    wait!(waits, "off_core", async {
        // The work ends with the future that holds the sender.
        let (_stops, stop) = std::sync::mpsc::channel::<()>();
        Ok(off_core(move || stop.recv()).await.map(drop)?)
    });
    waits
}

fn waits_of_unix_sockets(waits: &mut Vec<Wait>) {
    let directory = Directory::new();
    let listener = UnixListener::bind(directory.join("s")).unwrap();
    wait!(waits, "accept of a Unix stream", async move { Ok(listener.accept().await.map(drop)?) });
    let (mut one, other) = taut::net::UnixStream::pair().unwrap();
    wait!(waits, "recv on a Unix stream", async move {
        let _open = other;
        Ok(one.recv().await.map(drop)?)
    });
    let (mut one, other) = UnixFdStream::pair().unwrap();
    wait!(waits, "recv_with_fds", async move {
        let _open = other;
        Ok(one.recv_with_fds(1).await.map(drop)?)
    });
    let (mut one, other) = UnixFdStream::pair().unwrap();
    wait!(waits, "send_with_fds", async move {
        let large = vec![0; 16 << 20];
        Ok(one.send_with_fds(&large, &[other.as_fd()]).await?)
    });
    let (mut one, other) = UnixSeqpacket::pair().unwrap();
    wait!(waits, "recv on a Unix seqpacket", async move {
        let _open = other;
        Ok(one.recv().await.map(drop)?)
    });
    let (one, other) = UnixDatagram::pair().unwrap();
    wait!(waits, "send of Unix datagrams", async move {
        let _open = other;
        loop {
            one.send(b"full").await?;
        }
    });
    let path = directory.join("full");
    wait!(waits, "send_to of Unix datagrams", async move {
        let _bound = UnixDatagram::bind(&path)?;
        let sender = UnixDatagram::unbound()?;
        loop {
            sender.send_to(b"full", &path).await?;
        }
    });
    wait!(waits, "connect of a Unix stream", async move {
        let path = directory.join("queue");
        let _listener = UnixBind::new(&path)?.backlog(0).listen()?;
        let mut connected = Vec::new();
        loop {
            connected.push(taut::net::UnixStream::connect(&path).await?);
        }
    });
}

fn waits_in_line(waits: &mut Vec<Wait>) {
    wait!(waits, "mutex", async {
        let mutex = Mutex::new(());
        let _held = mutex.try_lock();
        Ok(mutex.lock().await.map(drop)?)
    });
    wait!(waits, "lock to write", async {
        let lock = RwLock::new(());
        let _held = lock.try_read();
        Ok(lock.write().await.map(drop)?)
    });
    wait!(waits, "semaphore", async { Ok(Semaphore::new(0).acquire(1).await.map(drop)?) });
    wait!(waits, "event", async { Ok(Event::new().wait().await?) });
    wait!(waits, "notify", async { Ok(Notify::new().notified().await?) });
    wait!(waits, "barrier", async { Ok(Barrier::new(2).wait().await.map(drop)?) });
    wait!(waits, "condition", async {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        let guard = mutex.try_lock().ok_or("nobody else has it")?;
        let (_guard, outcome) = condition.wait(guard).await;
        Ok(outcome?)
    });
    wait!(waits, "once cell", async {
        let cell = OnceCell::new();
        Ok(cell.get_or_try_init(async || sleep(FOREVER).await).await.map(drop)?)
    });
}

fn waits_of_channels(waits: &mut Vec<Wait>) {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let (full, full_end) = (sender.clone(), Rc::new(receiver));
    let end = Rc::clone(&full_end);
    wait!(waits, "mpsc send", async move {
        let _open = end;
        Ok(full.send(1).await?)
    });
    let end = Rc::clone(&full_end);
    wait!(waits, "mpsc closed", async move {
        let _open = end;
        Ok(sender.closed().await?)
    });
    let (sender, receiver) = mpsc::channel::<u8>(1);
    wait!(waits, "mpsc recv", async move {
        let _open = sender;
        Ok(receiver.recv().await.map(drop)?)
    });
    let (sender, receiver) = conflate::channel::<u8, u8>(1);
    sender.try_send(0, 0).unwrap();
    wait!(waits, "conflate send", async move {
        let _open = receiver;
        Ok(sender.send(1, 0).await?)
    });
    let (mut sender, receiver) = oneshot::channel::<u8>();
    wait!(waits, "oneshot closed", async move {
        let _open = receiver;
        Ok(sender.closed().await?)
    });
    let (sender, receiver) = oneshot::channel::<u8>();
    wait!(waits, "oneshot", async move {
        let _open = sender;
        Ok(receiver.await.map(drop)?)
    });
    let (sender, mut receiver) = broadcast::channel::<u8>(1);
    wait!(waits, "broadcast recv", async move {
        let _open = sender;
        Ok(receiver.recv().await.map(drop)?)
    });
    let (sender, mut receiver) = watch::channel(0);
    wait!(waits, "watch changed", async move {
        let _open = sender;
        Ok(receiver.changed().await?)
    });
    let (sender, mut receiver) = watch::channel(0);
    wait!(waits, "watch wait_for", async move {
        let _open = sender;
        Ok(receiver.wait_for(|value| *value > 0).await.map(drop)?)
    });
    let (sender, receiver) = shared::channel(1);
    sender.try_send(0).unwrap();
    wait!(waits, "shared send", async move {
        let _open = receiver;
        Ok(sender.send(1).await?)
    });
    let (sender, receiver) = shared::channel::<u8>(1);
    wait!(waits, "shared recv", async move {
        let _open = sender;
        Ok(receiver.recv().await.map(drop)?)
    });
    let (sender, receiver) = shared::channel::<u8>(1);
    wait!(waits, "shared closed", async move {
        let _open = receiver;
        Ok(sender.closed().await?)
    });
}

fn waits_of_files(waits: &mut Vec<Wait>) {
    // Nothing is ever written; a thread that reads ends with the future, which holds the other end.
    let silent = || {
        let (out, into) = std::io::pipe().unwrap();
        (File::from_std(std::fs::File::from(OwnedFd::from(out))).unwrap(), into)
    };
    let (file, into) = silent();
    wait!(waits, "read_at of a file", async move {
        let _open = into;
        Ok(file.read_at(Vec::with_capacity(8), 0).await.0.map(drop)?)
    });
    let (mut file, into) = silent();
    wait!(waits, "read of a file", async move {
        let _open = into;
        Ok(file.read(&mut [0; 8]).await.map(drop)?)
    });
    let (file, into) = silent();
    wait!(waits, "read_fixed_at of a file", async move {
        let _open = into;
        Ok(file.read_fixed_at(TxBuf::take()?, 0).await.0.map(drop)?)
    });
}

fn waits_of_descriptors(waits: &mut Vec<Wait>) {
    let (mut reader, writer) = pipe().unwrap();
    wait!(waits, "read of a pipe", async move {
        let _open = writer;
        Ok(reader.read(&mut [0; 8]).await.map(drop)?)
    });
    let (mut reader, writer) = pipe().unwrap();
    wait!(waits, "end of a pipe", async move {
        let _open = writer;
        Ok(reader.read_to_end(&mut Vec::new()).await.map(drop)?)
    });
    let (reader, mut writer) = pipe().unwrap();
    wait!(waits, "write to a pipe", async move {
        let _open = reader;
        Ok(writer.write_all(&[1; 1 << 20]).await?)
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    let pollable = Pollable::new(ours).unwrap();
    wait!(waits, "readable", async move {
        let _peer = theirs;
        Ok(pollable.readable().await?)
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    let pollable = Pollable::new(ours).unwrap();
    wait!(waits, "read_with", async move {
        let _peer = theirs;
        Ok(pollable.read_with(|mut stream| stream.read(&mut [0; 8])).await.map(drop)?)
    });
    let mut terminal = Pty::open(24, 80).unwrap();
    wait!(waits, "read of a terminal", async move {
        Ok(terminal.reader.read(&mut [0; 8]).await.map(drop)?)
    });
    let mut listener = signal(SignalKind::PROF).unwrap();
    wait!(waits, "signal", async move { Ok(listener.recv().await?) });
    wait!(waits, "Ctrl-C", async { Ok(ctrl_c().await?) });
}

async fn waits_of_children(waits: &mut Vec<Wait>) {
    let mut endless = Command::new("sleep");
    endless.arg("1000").stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = endless.spawn().await.unwrap();
    wait!(waits, "exit of a child", async move { Ok(child.wait().await.map(drop)?) });
    let child = endless.spawn().await.unwrap();
    wait!(waits, "output of a child", async move { Ok(child.wait_with_output().await.map(drop)?) });
    wait!(waits, "output of a command", async move { Ok(endless.output().await.map(drop)?) });
}

async fn own_sleep() -> std::io::Result<()> {
    Ok(sleep(FOREVER).await?)
}

async fn waits_of_streams(waits: &mut Vec<Wait>) {
    let (mut client, server) = connected_pair().await;
    wait!(waits, "recv", async move {
        let _peer = server;
        Ok(client.recv().await.map(drop)?)
    });
    let (mut client, server) = connected_pair().await;
    wait!(waits, "read", async move {
        let _peer = server;
        Ok(client.read(&mut [0; 8]).await.map(drop)?)
    });
    let (mut client, mut server) = connected_pair().await;
    server.write_all(b"half").await.unwrap();
    wait!(waits, "read_exact", async move {
        let _peer = server;
        Ok(client.read_exact(&mut [0; 8]).await?)
    });
    let (mut client, server) = connected_pair().await;
    wait!(waits, "recv_into", async move {
        let _peer = server;
        Ok(client.recv_into(Vec::with_capacity(64)).await.0.map(drop)?)
    });
    let (mut client, server) = connected_pair().await;
    client.set_hot(true);
    wait!(waits, "recv on a hot stream", async move {
        let _peer = server;
        Ok(client.recv().await.map(drop)?)
    });
    let (mut client, server) = connected_pair().await;
    wait!(waits, "write", async move {
        let _peer = server;
        // Until there is no room, and none comes: the kernel moves bytes on by itself.
        loop {
            client.write(&[1; 65_536]).await?;
        }
    });
    let (mut client, server) = connected_pair().await;
    wait!(waits, "send", async move {
        let _peer = server;
        Ok(client.send(vec![1; 64 << 20]).await?)
    });
    let (listener, _) = listen();
    wait!(waits, "accept", async move { Ok(listener.accept().await.map(drop)?) });
    let (listener, address, queued) = silent_listener().await;
    wait!(waits, "connect", async move {
        let _peers = (listener, queued);
        Ok(TcpStream::connect(address).await.map(drop)?)
    });
    let (listener, address, queued) = silent_listener().await;
    wait!(waits, "connect to one of two addresses", async move {
        let _peers = (listener, queued);
        Ok(TcpStream::connect([address, address]).await.map(drop)?)
    });
    let (listener, address, queued) = silent_listener().await;
    wait!(waits, "recv on a reconnecting stream", async move {
        let _peers = (listener, queued);
        let mut stream = ReconnectingStream::builder().attempt_timeout(FOREVER).build(address);
        Ok(stream.recv().await.map(drop)?)
    });
    wait!(waits, "lookup of a host name", async {
        let silent = Resolver::builder().lookup(|_| std::future::pending());
        let resolver = silent.lookup_timeout(FOREVER).build();
        Ok(resolver.resolve("venue.example", 80).await.map(drop)?)
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    let descriptor = Descriptor::from(OwnedFd::from(ours));
    wait!(waits, "readiness", async move {
        let _peer = theirs;
        Ok(readiness(&descriptor, Interest::Readable).await?)
    });
}
