//! WebSocket with Python's `websockets`, which is the other end in both directions, plain and over
//! TLS. Left out, with the reason, where it is not installed.

mod common;

use std::process::Stdio;

use common::ws_interop::{ASKED, Compression, GOODBYE, serves, visits};
use taut::process::Command;

const CLIENT: &str = "
import asyncio, ssl, sys, websockets
url, folder, asked, asked_reason, goodbye, reason = sys.argv[1:]
tls = None
if url.startswith('wss'):
    tls = ssl.create_default_context(cafile=folder + '/authority.pem')

async def main():
    async with websockets.connect(url, ssl=tls, max_size=None) as end:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1 << 20):
            for message in ('\\u20ac' * size, bytes(index * 7 % 256 for index in range(size))):
                await end.send(message)
                assert await end.recv() == message, size
        await end.send(['one ', '', 'message'])
        assert await end.recv() == 'one message'
        for asked_for, answer in (('fragments', '\\u00e9nd'), ('ping', 'ping')):
            await end.send(asked_for)
            assert await end.recv() == answer
        for payload in (b'', b'p', b'p' * 125):
            await asyncio.wait_for(await end.ping(payload), 30)
        many = [await end.ping(b'%d' % number) for number in range(12)]
        await asyncio.wait_for(asyncio.gather(*many), 30)
        for number in range(1000):
            await end.send(str(number))
        for number in range(1000):
            assert await end.recv() == str(number)
        await end.close(int(goodbye), reason)
        assert end.close_code == int(goodbye), end.close_code
    end = await websockets.connect(url, ssl=tls)
    await end.send('close')
    try:
        assert False, await end.recv()
    except websockets.ConnectionClosed:
        assert (end.close_code, end.close_reason) == (int(asked), asked_reason)

asyncio.run(main())
";

const SERVER: &str = "
import asyncio, ssl, sys, websockets
port, folder, code, reason = sys.argv[1:]
tls = None
if folder:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder + '/certificate.pem', folder + '/key.pem')

async def serve(end):
    async for message in end:
        if message == 'close':
            await end.close(int(code), reason)
        elif message == 'fragments':
            await end.send(['\\u00e9', '', 'nd'])
        else:
            await end.send(message)

async def main():
    async with websockets.serve(serve, '127.0.0.1', int(port), ssl=tls):
        await asyncio.Future()

asyncio.run(main())
";

/// A Python that has `websockets`: the one of the package is not always the first one.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let mut command = std::process::Command::new(python);
        let tried = command.args(["-c", "import websockets; print(websockets.__version__)"]);
        let tried = tried.stderr(Stdio::null()).output();
        let output = tried.ok().filter(|output| output.status.success());
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        version.inspect(|version| eprintln!("websockets: {version}")).is_some()
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        eprintln!("SKIPPED: no python3 here has websockets");
    }
    found
}

#[test]
fn pythons_client_is_served() {
    let Some(python) = python() else { return };
    serves(Compression::AgreedOn, |url, files| {
        let mut command = Command::new(python);
        command.args(["-c", CLIENT, url]).arg(files.folder());
        for (code, reason) in [ASKED, GOODBYE] {
            command.arg(code.to_string()).arg(reason);
        }
        command
    });
}

#[test]
fn pythons_server_is_visited() {
    let Some(python) = python() else { return };
    visits(Compression::AgreedOn, |port, files| {
        let mut command = std::process::Command::new(python);
        command.args(["-c", SERVER, &port.to_string()]);
        command.arg(files.map(|files| files.folder().as_os_str()).unwrap_or_default());
        command.args([&ASKED.0.to_string(), ASKED.1]);
        command
    });
}
