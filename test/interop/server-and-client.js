// Both of our ends beside both of ws's, as a program: a conversation, an orderly close, and nothing that keeps the
// process alive afterwards. It uses the built package.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { Watershed } from 'watershed';
import { WebSocket, WebSocketServer } from 'ws';

const watershed = new Watershed({ heartbeat: { interval: 60_000, timeout: 60_000 } });
const ourServer = createServer().listen(0, '127.0.0.1');
ourServer.on('upgrade', (req, socket, head) => {
  const connection = watershed.accept(req, socket, head);
  connection.on('text', (text) => connection.send(text));
});
await once(ourServer, 'listening');

const webSocket = new WebSocket(`ws://127.0.0.1:${ourServer.address().port}/`);
await once(webSocket, 'open');
webSocket.send('to our server');
console.log(String((await once(webSocket, 'message'))[0]));
const closed = once(webSocket, 'close');
console.log(await watershed.closeAll());
await closed;
ourServer.close();

const wsServer = new WebSocketServer({ host: '127.0.0.1', port: 0 });
wsServer.on('connection', (client) => client.on('message', (data) => client.send(data, { binary: false })));
await once(wsServer, 'listening');

const key = Watershed.generateKey();
const headers = Watershed.requestHeaders(key);
const req = request({ host: '127.0.0.1', port: wsServer.address().port, headers }).end();
const [res, socket, head] = await once(req, 'upgrade');
const connection = Watershed.connect(res, socket, head, key);
connection.send('to the ws server');
console.log((await once(connection, 'text'))[0]);
connection.ping('left unanswered when the program closes');
connection.end('bye');
console.log(await once(connection, 'end'));
wsServer.close();
