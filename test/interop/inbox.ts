/** What has arrived and was not looked at yet, in order: a test takes from it, and waits when there is not enough. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #onPut: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#onPut?.();
  }

  /** How many have arrived and were not taken. */
  get size(): number {
    return this.#items.length;
  }

  /** The next one; one caller may wait at a time. */
  async take(): Promise<T> {
    const [item] = await this.takeMany(1);
    return item as T;
  }

  /** The next `count`; one caller may wait at a time. */
  async takeMany(count: number): Promise<T[]> {
    while (this.#items.length < count) {
      await new Promise<void>((resolve) => {
        this.#onPut = resolve;
      });
    }
    return this.#items.splice(0, count);
  }
}
