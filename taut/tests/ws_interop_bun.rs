//! WebSocket with bun, which is the other end in both directions, plain and over TLS. Left out, with
//! the reason, where it is not installed.

mod common;

use common::foreign::find;
use common::ws_interop::{ASKED, Compression, GOODBYE, WEB_CLIENT, serves, visits};
use taut::process::Command;

const SERVER: &str = "
const [port, folder, code, reason] = process.argv.slice(1);
const tls = folder
  ? { cert: Bun.file(`${folder}/certificate.pem`), key: Bun.file(`${folder}/key.pem`) }
  : undefined;
Bun.serve({
  hostname: '127.0.0.1',
  port,
  tls,
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response('', { status: 426 });
  },
  websocket: {
    perMessageDeflate: true,
    message(end, message) {
      if (message === 'close') return end.close(+code, reason);
      // It has no fragments to send.
      end.send(message === 'fragments' ? '\\u00e9nd' : message, true);
    },
  },
});
";

#[test]
fn buns_client_is_served() {
    let Some(bun) = find("bun", "--version") else { return };
    let script = format!("{WEB_CLIENT}await visit(...process.argv.slice(1));");
    serves(Compression::AgreedOn, |url, files| {
        let mut command = Command::new(&bun);
        command.env("NODE_EXTRA_CA_CERTS", files.folder().join("authority.pem"));
        command.args(["--eval", &script, url]);
        for (code, reason) in [ASKED, GOODBYE] {
            command.arg(code.to_string()).arg(reason);
        }
        command
    });
}

#[test]
fn buns_server_is_visited() {
    let Some(bun) = find("bun", "--version") else { return };
    visits(Compression::AgreedOn, |port, files| {
        let mut command = std::process::Command::new(&bun);
        command.args(["--eval", SERVER, &port.to_string()]);
        command.arg(files.map(|files| files.folder().as_os_str()).unwrap_or_default());
        command.args([&ASKED.0.to_string(), ASKED.1]);
        command
    });
}
