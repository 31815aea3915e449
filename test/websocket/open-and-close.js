// Opens and closes 10,000 WebSockets, of both ends, and prints how many of them the garbage collector has not found, and
// whether the heap has grown by less than 200 bytes for each. It uses the built package; run it with --expose-gc.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'watershed';

let left = 0;
const registry = new FinalizationRegistry(() => left--);

function watch(webSocket) {
  left++;
  registry.register(webSocket, undefined);
  return webSocket;
}

const server = createServer().listen(0, '127.0.0.1');
server.on('upgrade', (req, socket, head) => {
  const webSocket = watch(WebSocket.accept(req, socket, head));
  webSocket.onmessage = ({ data }) => {
    webSocket.send(data);
    webSocket.close(1000);
  };
});
await once(server, 'listening');

/** A client's end and a server's, over TCP. */
async function overTCP() {
  const webSocket = watch(new WebSocket(`ws://127.0.0.1:${server.address().port}/`));
  webSocket.onopen = () => webSocket.send('x');
  await new Promise((resolve) => (webSocket.onclose = resolve));
}

const headers = {
  host: 'example.com',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
/** A text and a CLOSE, masked with zeros. */
const FRAMES = Buffer.from('8181000000007888820000000003e8', 'hex');

/** A server's end over a stream that takes everything: quicker. */
async function overStream() {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  const webSocket = watch(WebSocket.accept({ headers }, stream, Buffer.alloc(0)));
  webSocket.onopen = () => webSocket.send('x');
  stream.push(FRAMES);
  stream.push(null);
  await new Promise((resolve) => (webSocket.onclose = resolve));
}

async function repeat(count, converse) {
  for (let index = 0; index < count; index++) await converse();
}

await repeat(50, overTCP);
await repeat(100, overStream);
gc();
const before = process.memoryUsage().heapUsed;
await Promise.all(Array.from({ length: 10 }, () => repeat(40, overTCP)));
await repeat(9_000, overStream);
for (let attempt = 0; attempt < 20 && left > 0; attempt++) {
  await setTimeout(50);
  gc();
}
console.log(left, process.memoryUsage().heapUsed - before < 2_000_000);
server.close();
