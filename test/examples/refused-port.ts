/** A port of 127.0.0.1 at which every connection is refused, until the test is finished. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** It is a client's own: nobody listens there, and while the client is there no server of another test can take it. */
export async function refusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const accepted = once(server, 'connection');
  await once(client, 'connect');
  const [socket] = (await accepted) as [typeof client];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return client.localPort ?? 0;
}
