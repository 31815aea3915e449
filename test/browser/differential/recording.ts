/**
 * The recorded traces of Chromium, so that our class is compared with them where there is no browser too.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Traces } from './record-in-node.js';

export interface Recording {
  /** The browser and its version. */
  readonly browser: string;
  readonly traces: Traces;
}

export const recordingPath = fileURLToPath(new URL('./chromium.json', import.meta.url));

export function readRecording(): Recording {
  return JSON.parse(readFileSync(recordingPath, 'utf8')) as Recording;
}
