import { once } from 'node:events';
import { WebSocketProvider } from 'ethers';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

const CHAIN_ID = 1337;

it('ethers makes calls and hears of blocks', async () => {
  const { url } = await listenJsonRpc();
  const { provider, recording } = connectProvider(url);
  expect(await provider.getBlockNumber()).toBe(7);
  expect((await provider.getNetwork()).chainId).toBe(BigInt(CHAIN_ID));
  const block = await new Promise((resolve) => {
    void provider.on('block', resolve);
  });
  expect(block).toBe(8);
  await provider.destroy();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('ethers survives that the server closes', async () => {
  const { server, url } = await listenJsonRpc();
  const { provider, recording } = connectProvider(url);
  await once(server, 'connection');
  await provider.getBlockNumber();
  for (const socket of server.clients) socket.close(1001);
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1001']]);
  await provider.destroy();
});

it('ethers survives a refused connection', async () => {
  const { provider, recording } = connectProvider(await refusedUrl());
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
  await provider.destroy();
});

function connectProvider(url: string) {
  const recording = new Recording();
  const provider = new WebSocketProvider(() => new recording.WebSocket(url), CHAIN_ID);
  return { provider, recording };
}

/** A JSON-RPC server that knows of block 7, and tells a subscriber of block 8. */
async function listenJsonRpc() {
  const { server, url } = await listenWs();
  const results: Readonly<Record<string, string>> = {
    eth_chainId: `0x${CHAIN_ID.toString(16)}`,
    eth_blockNumber: '0x7',
    eth_subscribe: '0xabc',
  };
  server.on('connection', (socket) => {
    const send = (message: object): void => {
      socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
    };
    socket.on('message', (data: Buffer) => {
      const { id, method } = JSON.parse(data.toString()) as { id: number; method: string };
      send({ id, result: results[method] ?? null });
      if (method !== 'eth_subscribe') return;
      send({ method: 'eth_subscription', params: { subscription: results[method], result: { number: '0x8' } } });
    });
  });
  return { server, url };
}
