export interface Stock {
  readonly heap: number;
  readonly resident: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly timers: number;
  readonly listeners: number;
}

export declare function leftovers(name: string, start: Stock, end: Stock): string[];
