// The newest rows of a list that is told oldest first, without reading all of it: as `list` says only what
// comes after a number, the end is searched for by doubling and halving, in some dozens of short requests.

const PAGES_MAX = 8;

/** The last `kept` rows, oldest first. `list(after, limit)`: rows with numbers in `order` above `after`. */
export async function newest(list, kept) {
  let rows = await list(0n, kept);
  if (rows.length < kept) return rows;
  let low = rows[rows.length - 1].order;
  const more = async (after) => (await list(after, 1)).length > 0;
  if (!(await more(low))) return rows;
  // There is always something after `low`, and, once doubling has ended, nothing after `low + step`.
  let step = BigInt(kept);
  while (await more(low + step)) {
    low += step;
    step *= 2n;
  }
  while (step > BigInt(kept)) {
    step = (step + 1n) / 2n;
    if (await more(low + step)) low += step;
  }
  const end = low + step;
  rows = [];
  for (let width = BigInt(kept); ; width *= 2n) {
    const start = end > width ? end - width : 0n;
    const wider = await window(list, start, kept);
    // Many old ones in a row: what was found before is newer, if less.
    if (!wider) return rows;
    rows = wider;
    if (rows.length >= kept || start === 0n) return rows.slice(-kept);
  }
}

/** All rows after `start`; null when they are more than `PAGES_MAX` pages. */
async function window(list, start, kept) {
  const rows = [];
  let after = start;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const some = await list(after, kept);
    rows.push(...some);
    if (some.length < kept) return rows;
    after = some[some.length - 1].order;
  }
  return null;
}
