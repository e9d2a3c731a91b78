// bun: the server of its documentation ("WebSockets"), which is uWebSockets inside. It keeps the
// contract of bench/SUBJECTS.md itself: `bun server.js ws --core N`.

const [mode, option, core] = process.argv.slice(2);
if (mode !== "ws" || option !== "--core" || !/^\d+$/.test(core ?? "")) {
  console.error("usage: server.js ws --core N");
  process.exit(1);
}

// All threads that bun has by now; those that they start inherit it.
const pinned = Bun.spawnSync(["taskset", "-a", "-p", "-c", core, String(process.pid)]);
if (!pinned.success) {
  console.error(`can't pin to core ${core}: ${String(pinned.stderr).trim()}`);
  process.exit(1);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("no WebSocket\n", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    // Its default closes who says nothing for two minutes: who is stopped says nothing.
    idleTimeout: 0,
    sendPings: false,
    maxPayloadLength: 16 << 20,
    backpressureLimit: 16 << 20,
    message(socket, message) {
      socket.send(message);
    },
  },
});

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
console.log(
  JSON.stringify({
    listening: `127.0.0.1:${server.port}`,
    version: `bun ${Bun.version}`,
    settings: "Bun.serve, echo in its message handler, perMessageDeflate off",
  }),
);
