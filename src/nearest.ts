/** The name that was meant by one that is not known. Imports nothing. */

/** The known name that was probably meant: one that a few letters make of it, or that it is a part of. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const [best] = known
    .map((each) => {
      const other = each.toLowerCase();
      return { each, distance: other.includes(lower) && lower.length > 1 ? 1 : editDistance(lower, other) };
    })
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, name.length / 3) && name.length > 1 ? best.each : undefined;
}

/** How many letters have to be added, left out, changed or swapped with the next to make one word of the other. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    for (let j = 0; j <= b.length; j++) {
      const at = (up: number, left: number): number => (up === 0 ? row : rows[i - up])?.[j - left] ?? Infinity;
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        i + j === 0
          ? 0
          : Math.min(
              at(1, 0) + 1,
              at(0, 1) + 1,
              at(1, 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
              isSwapped ? at(2, 2) + 1 : Infinity,
            ),
      );
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? Infinity;
}
