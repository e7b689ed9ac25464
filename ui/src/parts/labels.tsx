/** Words beside points on the map, moved up or down where they would lie over one another. */

import { cut } from "../texts";

const LONGEST = 24;
const WIDTH = 100;
const HEIGHT = 10;
const ABOVE = -8;
const TRIES = [ABOVE, 14, -18, 24, -28, 34];

export function Labels({ at, texts, width }: { at: [number, number][]; texts: string[]; width: number }) {
  const placed: [number, number][] = [];
  const free = (x: number, y: number) => placed.every((each) => Math.abs(each[0] - x) > WIDTH || Math.abs(each[1] - y) >= HEIGHT);
  return at.map(([x, y], index) => {
    const line = y + (TRIES.find((each) => free(x, y + each)) ?? ABOVE);
    placed.push([x, line]);
    return (
      <text key={index} x={x} y={line} text-anchor={x < width / 3 ? "start" : x > (2 * width) / 3 ? "end" : "middle"}>
        {cut(texts[index]!, LONGEST)}
      </text>
    );
  });
}
