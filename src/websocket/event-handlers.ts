/**
 * Event handler attributes: `onopen`, `onmessage`, `onerror`, `onclose` (HTML Standard section 8.1.8.1). It knows no
 * WebSocket, only a target.
 */

/** What an attribute holds: an object, callable or not, or null (`[LegacyTreatNonObjectAsNull]`). */
export type EventHandlerValue = object | null;

/** The handlers of one event target. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<string, { value: object; readonly listener: (event: Event) => void }>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): EventHandlerValue {
    return this.#handlers.get(type)?.value ?? null;
  }

  /**
   * Sets a handler. It takes its place among the listeners when it is first set, and keeps it when it is replaced;
   * null gives the place up.
   */
  set(type: string, value: unknown): void {
    const handler = this.#handlers.get(type);
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      if (handler !== undefined) EventTarget.prototype.removeEventListener.call(this.#target, type, handler.listener);
      this.#handlers.delete(type);
    } else if (handler !== undefined) {
      handler.value = value;
    } else {
      const added = { value, listener: (event: Event): void => { this.#call(added.value, event); } };
      this.#handlers.set(type, added);
      // Whatever a program has put in the place of the method.
      EventTarget.prototype.addEventListener.call(this.#target, type, added.listener);
    }
  }

  /** "The event handler processing algorithm": `handleEvent` is not looked at, and false cancels. */
  #call(value: object, event: Event): void {
    if (typeof value !== 'function') return;
    // event.currentTarget is null in Node for all listeners but the first.
    const result: unknown = Reflect.apply(value, this.#target, [event]);
    if (result === false) event.preventDefault();
  }
}
