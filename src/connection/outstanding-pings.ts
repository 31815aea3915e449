/**
 * The PINGs that we sent and that were not answered yet, for the round-trip time of each.
 */

/** A peer that never answers must not make the list grow: beyond this the oldest are forgotten. */
const MAX_OUTSTANDING = 32;

export class OutstandingPings {
  readonly #pings: { readonly payload: Buffer; readonly sentAt: number }[] = [];

  sent(payload: Buffer): void {
    if (this.#pings.length === MAX_OUTSTANDING) this.#pings.shift();
    this.#pings.push({ payload, sentAt: performance.now() });
  }

  /**
   * The milliseconds since the PING that a PONG answers was sent; undefined for a PONG that answers none
   * (RFC 6455 section 5.5.3: it may be unsolicited, or answer only the newest of several PINGs).
   */
  answered(payload: Buffer): number | undefined {
    const index = this.#pings.findIndex((ping) => ping.payload.equals(payload));
    const answered = this.#pings[index];
    if (answered === undefined) return undefined;
    this.#pings.splice(0, index + 1);
    return performance.now() - answered.sentAt;
  }
}
