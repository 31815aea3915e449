/**
 * All scenarios, by name, in the order in which they are run. The names are unique across the files.
 */
import { classScenarios } from './class.js';
import { closingScenarios } from './closing.js';
import { constructorScenarios } from './constructor.js';
import { eventScenarios } from './events.js';
import { handshakeScenarios } from './handshake.js';
import { listenerScenarios } from './listeners.js';
import { orderScenarios } from './order.js';
import { receivedScenarios } from './received.js';
import { sentScenarios } from './sent.js';

export const scenarios = {
  ...classScenarios,
  ...eventScenarios,
  ...orderScenarios,
  ...listenerScenarios,
  ...receivedScenarios,
  ...sentScenarios,
  ...closingScenarios,
  // Chromium delays handshakes when many have failed: those that fail come last.
  ...constructorScenarios,
  ...handshakeScenarios,
};
