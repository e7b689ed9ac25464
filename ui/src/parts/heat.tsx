/** A matrix of numbers as a table of coloured cells. */

import { useState } from "preact/hooks";
import { cut, decimal } from "../texts";

interface Given {
  rows: string[];
  columns: string[];
  values: number[][];
  caption: string;
  /** Decimal places in the cells; none leaves them empty. */
  digits?: number;
}

const LONGEST = 28;

export function Heat({ rows, columns, values, caption, digits = 2 }: Given) {
  const [at, point] = useState<[number, number] | null>(null);
  const least = values.flat().reduce((least, each) => Math.min(least, each), 0);
  const most = values.flat().reduce((most, each) => Math.max(most, each), least + 1e-9);
  const [row, column] = at ?? [0, 0];
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
        <table class="heat" onMouseLeave={() => point(null)}>
          <caption>{caption}</caption>
          <thead>
            <tr>
              <td />
              {columns.map((each, number) => (
                <th key={number} scope="col" title={each}>
                  {number + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {values.map((line, number) => (
              <tr key={number}>
                <th scope="row" dir="auto" title={rows[number]}>
                  {number + 1}. {cut(rows[number]!, LONGEST)}
                </th>
                {line.map((value, other) => (
                  <td
                    key={other}
                    style={{ "--share": (value - least) / (most - least) }}
                    aria-label={digits > 0 ? undefined : decimal(value, 3)}
                    onMouseEnter={() => point([number, other])}
                  >
                    {digits > 0 && decimal(value, digits)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint pair" dir="auto">
        {at ? `${decimal(values[row]![column]!, 3)}: ${rows[row]} — ${columns[column]}` : "Point at a cell to read its pair."}
      </p>
    </>
  );
}
