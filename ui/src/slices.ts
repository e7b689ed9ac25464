/** Long work in slices of a few milliseconds, between which the page is drawn and typed into. */

const SLICE = 8;
/** Between two results on the way that are shown. */
const PAUSE = 80;

/** Works to the end and calls `show` with some results on the way, and with the last; what comes back stops it. */
export function inSlices<T>(turns: Iterator<T>, show: (turn: T, done: boolean) => void): () => void {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let shown = performance.now();
  let last: T | undefined;
  let timer = setTimeout(work);

  function work() {
    const begin = performance.now();
    while (performance.now() - begin < SLICE) {
      const { done, value } = turns.next();
      if (done) return last !== undefined && show(last, true);
      last = value;
    }
    if (!still && begin - shown > PAUSE) {
      show(last!, false);
      shown = performance.now();
    }
    timer = setTimeout(work);
  }
  return () => clearTimeout(timer);
}
