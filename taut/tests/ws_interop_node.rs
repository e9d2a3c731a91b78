//! WebSocket with Node's `ws`, which is the other end in both directions, plain and over TLS. Left
//! out, with the reason, where it is not installed.

mod common;

use std::path::PathBuf;

use common::foreign::find;
use common::ws_interop::{ASKED, Compression, GOODBYE, serves, visits};
use taut::process::Command;

/// Where Debian's packages of Node are.
const MODULES: &str = "/usr/share/nodejs";

const CLIENT: &str = "
const assert = require('assert'), { readFileSync } = require('fs'), { WebSocket } = require('ws');
const [url, folder, asked, askedReason, goodbye, reason] = process.argv.slice(1);
const connect = () => new WebSocket(url, { ca: readFileSync(folder + '/authority.pem') });

const one = connect(), expected = [];
const expect = (data, isBinary) => expected.push([Buffer.from(data), isBinary]);
one.on('open', () => {
  for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    const text = '\\u20ac'.repeat(size), data = Buffer.alloc(size, 'data');
    one.send(text); expect(text, false);
    one.send(data); expect(data, true);
  }
  one.send('one ', { fin: false }); one.ping('p'); one.send('', { fin: false });
  one.send('message', { fin: true }); expect('one message', false);
  one.send('fragments'); expect('\\u00e9nd', false);
  for (let number = 0; number < 12; number++) one.ping(String(number));
  for (let number = 0; number < 1000; number++) {
    one.send(`${number}`); expect(`${number}`, false);
  }
});
let pongs = 0, count = 0;
const done = () => { if (count === expected.length && pongs === 13) one.close(+goodbye, reason); };
one.on('pong', () => { pongs++; done(); });
one.on('message', (data, isBinary) => {
  assert.deepStrictEqual([data, isBinary], expected[count++]);
  done();
});
one.on('close', (code) => {
  assert.strictEqual(code, +goodbye);
  const other = connect();
  other.on('open', () => other.send('close'));
  other.on('close', (code, why) => {
    assert.deepStrictEqual([code, String(why)], [+asked, askedReason]);
  });
});
";

const SERVER: &str = "
const { readFileSync } = require('fs'), { WebSocketServer } = require('ws');
const [port, folder, code, reason] = process.argv.slice(1);
const read = (name) => readFileSync(`${folder}/${name}.pem`);
const server = folder
  ? require('https').createServer({ cert: read('certificate'), key: read('key') })
  : require('http').createServer();
new WebSocketServer({ server, perMessageDeflate: true }).on('connection', (end) => {
  end.on('error', console.error);
  end.on('message', (data, isBinary) => {
    const text = isBinary ? null : String(data);
    if (text === 'close') return end.close(+code, reason);
    if (text !== 'fragments') return end.send(data, { binary: isBinary });
    end.send('\\u00e9', { fin: false });
    end.send('', { fin: false });
    end.send('nd', { fin: true });
  });
});
server.listen(+port, '127.0.0.1');
";

/// Node, where it has `ws`.
fn node() -> Option<PathBuf> {
    let node = find("node", "--version")?;
    let mut command = std::process::Command::new(&node);
    command.env("NODE_PATH", MODULES).args(["--eval", "require('ws')"]);
    let has_it = command.output().is_ok_and(|output| output.status.success());
    if !has_it {
        eprintln!("SKIPPED: node has no ws in {MODULES}");
    }
    has_it.then_some(node)
}

#[test]
fn nodes_client_is_served() {
    let Some(node) = node() else { return };
    serves(Compression::AgreedOn, |url, files| {
        let mut command = Command::new(&node);
        command.env("NODE_PATH", MODULES).args(["--eval", CLIENT, url]).arg(files.folder());
        for (code, reason) in [ASKED, GOODBYE] {
            command.arg(code.to_string()).arg(reason);
        }
        command
    });
}

#[test]
fn nodes_server_is_visited() {
    let Some(node) = node() else { return };
    visits(Compression::AgreedOn, |port, files| {
        let mut command = std::process::Command::new(&node);
        command.env("NODE_PATH", MODULES).args(["--eval", SERVER, &port.to_string()]);
        command.arg(files.map(|files| files.folder().as_os_str()).unwrap_or_default());
        command.args([&ASKED.0.to_string(), ASKED.1]);
        command
    });
}
