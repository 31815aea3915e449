// @ts-check
/**
 * The traffic that is seen: the two charts, the rates and the totals. Knows nothing of what the messages mean.
 */

import { byId } from './by-id.js';
import { TrafficChart } from './chart.js';
import { bytes, sizeOf } from './size.js';

const charts = {
  messages: new TrafficChart(byId('message-chart', HTMLCanvasElement), { format: String, smallestScale: 5 }),
  bytes: new TrafficChart(byId('byte-chart', HTMLCanvasElement), { format: bytes, smallestScale: 100 }),
};
const totals = { received: { messages: 0, bytes: 0 }, sent: { messages: 0, bytes: 0 } };

/**
 * Counts a message, with its payload's size.
 * @param {import('./chart.js').Direction} direction
 * @param {string | Blob | ArrayBuffer} data
 */
export function countTraffic(direction, data) {
  const size = sizeOf(data);
  charts.messages.add(direction, 1);
  charts.bytes.add(direction, size);
  const total = totals[direction];
  total.messages += 1;
  total.bytes += size;
  byId(`${direction}-messages`, HTMLElement).textContent = String(total.messages);
  byId(`${direction}-bytes`, HTMLElement).textContent = bytes(total.bytes);
}

function showRates() {
  const messages = charts.messages.lastSecond;
  const lastBytes = charts.bytes.lastSecond;
  byId('message-rate', HTMLElement).textContent = `↓ ${messages.received}  ↑ ${messages.sent}`;
  byId('byte-rate', HTMLElement).textContent = `↓ ${bytes(lastBytes.received)}  ↑ ${bytes(lastBytes.sent)}`;
}

showRates();
setInterval(showRates, 1000);
