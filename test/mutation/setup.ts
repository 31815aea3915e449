// A property that has held for a tenth of a second holds, and which values break it need not be the smallest.
import fc from 'fast-check';

fc.configureGlobal({ seed: 1, interruptAfterTimeLimit: 100, endOnFailure: true });
