// What a client of the web asks of our server, with nothing but the API of the web: Chromium's page
// runs it as well as bun and deno do.
const visit = async (url, asked, askedReason, goodbye, reason) => {
  const connect = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(url), came = [], waiting = [];
    const put = (event) => waiting.length ? waiting.shift()(event) : came.push(event);
    const next = () => came.length ? came.shift() : new Promise((wait) => waiting.push(wait));
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => resolve({ socket, next });
    socket.onerror = (event) => reject(new Error(`no connection: ${event.message}`));
    socket.onmessage = socket.onclose = put;
  });
  const check = (holds, what) => {
    if (!holds) throw new Error(what);
  };
  const text = async (end, expected) => {
    const { data, code } = await end.next();
    check(data === expected, `not ${expected.slice(0, 9)} of ${expected.length}, ${code}`);
  };
  const isClosed = async (end, expected, why) => {
    const { wasClean, code, reason } = await end.next();
    check(wasClean && code === +expected, `closed by ${code} ${wasClean}, not ${expected}`);
    check(why === undefined || reason === why, `closed for ${reason}`);
  };

  const one = await connect();
  for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    const message = '\u20ac'.repeat(size);
    one.socket.send(message);
    await text(one, message);
    const data = Uint8Array.from({ length: size }, (_, index) => index * 7);
    one.socket.send(data);
    const back = new Uint8Array((await one.next()).data);
    check(back.length === size && back.every((byte, index) => byte === data[index]), `${size}`);
  }
  one.socket.send('fragments');
  await text(one, '\u00e9nd');
  one.socket.send('ping');
  await text(one, 'ping');
  for (let number = 0; number < 1000; number++) one.socket.send(`${number}`);
  for (let number = 0; number < 1000; number++) await text(one, `${number}`);
  // What the web does not have, and some that are not browsers do.
  if (one.socket.ping) {
    const pong = new Promise((wait) => one.socket.addEventListener('pong', wait));
    one.socket.ping('p');
    const { data } = await pong;
    check(new TextDecoder().decode(data) === 'p', 'another pong');
  }
  one.socket.close(+goodbye, reason);
  await isClosed(one, goodbye);

  const other = await connect();
  other.socket.send('close');
  await isClosed(other, asked, askedReason);
};
