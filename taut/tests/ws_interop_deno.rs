//! WebSocket with deno, which is the other end in both directions, plain and over TLS. Left out,
//! with the reason, where it is not installed.

mod common;

use common::directory::Directory;
use common::foreign::find;
use common::ws_interop::{ASKED, Compression, GOODBYE, WEB_CLIENT, serves, visits};
use taut::process::Command;

const SERVER: &str = "
const [port, folder, code, reason] = Deno.args;
const read = (name) => Deno.readTextFileSync(`${folder}/${name}.pem`);
const tls = folder ? { cert: read('certificate'), key: read('key') } : {};
Deno.serve({ hostname: '127.0.0.1', port: +port, ...tls }, (request) => {
  if (request.headers.get('upgrade') !== 'websocket') return new Response('', { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    if (data === 'close') return socket.close(+code, reason);
    // It has no fragments to send.
    socket.send(data === 'fragments' ? '\\u00e9nd' : data);
  };
  return response;
});
";

/// What it would keep in the user's home is here, and it asks nobody for a new version.
fn surroundings(cache: &Directory) -> [(&str, &std::ffi::OsStr); 2] {
    [("DENO_DIR", cache.as_os_str()), ("DENO_NO_UPDATE_CHECK", "1".as_ref())]
}

#[test]
fn denos_client_is_served() {
    let Some(deno) = find("deno", "--version") else { return };
    let cache = Directory::new();
    let script = format!("{WEB_CLIENT}await visit(...Deno.args);");
    serves(Compression::Unknown, |url, files| {
        let mut command = Command::new(&deno);
        command.envs(surroundings(&cache)).args(["eval", "--cert"]);
        command.arg(files.folder().join("authority.pem")).args([&script, url]);
        for (code, reason) in [ASKED, GOODBYE] {
            command.arg(code.to_string()).arg(reason);
        }
        command
    });
}

#[test]
fn denos_server_is_visited() {
    let Some(deno) = find("deno", "--version") else { return };
    let cache = Directory::new();
    visits(Compression::Unknown, |port, files| {
        let mut command = std::process::Command::new(&deno);
        command.envs(surroundings(&cache)).args(["eval", SERVER, &port.to_string()]);
        command.arg(files.map(|files| files.folder().as_os_str()).unwrap_or_default());
        command.args([&ASKED.0.to_string(), ASKED.1]);
        command
    });
}
