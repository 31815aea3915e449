export declare function watchTimers<Owner>(ownerOf: () => Owner): ReadonlyMap<NodeJS.Timeout, Owner>;
