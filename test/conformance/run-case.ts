/**
 * Runs one case against one end of a testee, and reaches the verdict: the list of what was wrong, empty if the case is
 * passed. There is no lesser pass: every case has one right outcome.
 */

import type { ConformanceCase } from './case.js';
import { opcodes, type Frame } from './frames.js';
import type { RawPeer } from './raw-peer.js';

export async function runCase(conformanceCase: ConformanceCase, peer: RawPeer): Promise<string[]> {
  const problems: string[] = [];
  try {
    await converse(conformanceCase, peer);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  } finally {
    peer.destroy();
  }
  problems.push(...peer.violations, ...checkAnswers(conformanceCase, peer), ...checkClosing(conformanceCase, peer));
  return problems;
}

async function converse({ send, answers, closing }: ConformanceCase, peer: RawPeer): Promise<void> {
  await send(peer);
  await peer.answered(answers.length);
  if (closing.starter === 'peer' && !peer.closeSent) {
    peer.send([closing.frame]);
  }
  await peer.closed();
  peer.replyToClose();
  // The server ends TCP first (RFC 6455 section 7.1.1): here that is the testee or the raw peer itself.
  if (peer.testeeEnd === 'client') {
    peer.end();
  }
  await peer.ended();
  peer.end();
}

function checkAnswers({ answers }: ConformanceCase, peer: RawPeer): string[] {
  const isSame =
    answers.length === peer.answers.length &&
    peer.answers.every(({ opcode, payload }, i) => opcode === answers[i]?.opcode && payload.equals(answers[i].payload));
  return isSame ? [] : [`answers: expected ${describeAnswers(answers)}, got ${describeAnswers(peer.answers)}`];
}

function checkClosing({ closing }: ConformanceCase, peer: RawPeer): string[] {
  const problems: string[] = [];
  const [received] = peer.closes;
  if (received === undefined || peer.closes.length > 1) {
    problems.push(`expected one CLOSE frame, got ${String(peer.closes.length)}`);
  }
  if (received !== undefined) {
    if (!closing.codes.some((code) => code === received.code)) {
      const expected = closing.codes.map(describeCode).join(' or ');
      problems.push(`close code: expected ${expected}, got ${describeCode(received.code)}`);
    }
    if (received.isReply !== (closing.starter === 'peer')) {
      problems.push(`the closing handshake was to be started by the ${closing.starter}, and was not`);
    }
  }
  if (peer.testeeEnd === 'server' && peer.firstToEnd !== 'testee') {
    problems.push('the server did not end TCP first');
  }
  return problems;
}

function describeCode(code: number | undefined): string {
  return code === undefined ? 'none' : String(code);
}

function describeAnswers(answers: readonly Frame[]): string {
  const list = answers.slice(0, 12).map(({ opcode, payload }) => {
    const name = Object.entries(opcodes).find(([, value]) => value === opcode)?.[0] ?? String(opcode);
    return `${name} of ${String(payload.length)} (${payload.toString('hex', 0, 24)})`;
  });
  return `${String(answers.length)} [${list.join(', ')}]`;
}
