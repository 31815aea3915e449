import { describe, expect, it } from 'vitest';
import { nextPhase, type Phase, readyStates, type Transition } from '../../src/connection/closing-handshake.js';

const phases: readonly Phase[] = ['CONNECTING', 'OPEN', 'CLOSE_QUEUED', 'CLOSE_SENT', 'CLOSE_RECEIVED', 'ENDING', 'CLOSED'];
const transitions: readonly Transition[] = ['open', 'queueClose', 'writeClose', 'receiveClose', 'giveUp', 'close'];

/** Where each transition leads from each phase, in the order of `transitions`; what is missing leads nowhere. */
const expected: Readonly<Record<Phase, readonly (Phase | undefined)[]>> = {
  CONNECTING: ['OPEN', undefined, undefined, undefined, 'ENDING', 'CLOSED'],
  OPEN: [undefined, 'CLOSE_QUEUED', undefined, 'CLOSE_RECEIVED', 'ENDING', 'CLOSED'],
  CLOSE_QUEUED: [undefined, undefined, 'CLOSE_SENT', 'CLOSE_RECEIVED', 'ENDING', 'CLOSED'],
  CLOSE_SENT: [undefined, undefined, undefined, 'ENDING', 'ENDING', 'CLOSED'],
  CLOSE_RECEIVED: [undefined, undefined, 'ENDING', undefined, 'ENDING', 'CLOSED'],
  ENDING: [undefined, undefined, undefined, undefined, undefined, 'CLOSED'],
  CLOSED: [undefined, undefined, undefined, undefined, undefined, undefined],
};

describe('the closing handshake', () => {
  describe.each(phases)('in %s', (phase) => {
    it.each(transitions)('has its one way for %s', (transition) => {
      expect(nextPhase(phase, transition)).toBe(expected[phase][transitions.indexOf(transition)]);
    });
  });

  it('never goes back to an earlier ready state', () => {
    for (const phase of phases) {
      for (const transition of transitions) {
        const next = nextPhase(phase, transition);
        if (next !== undefined) expect(readyStates[next]).toBeGreaterThanOrEqual(readyStates[phase]);
      }
    }
  });

  it('has the ready states of the WHATWG interface', () => {
    expect(phases.map((phase) => readyStates[phase])).toEqual([0, 1, 2, 2, 2, 2, 3]);
  });

  it('comes to CLOSED from every phase', () => {
    for (const phase of phases.slice(0, -1)) expect(nextPhase(phase, 'close')).toBe('CLOSED');
  });
});
