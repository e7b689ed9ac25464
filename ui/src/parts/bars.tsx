/** Values as bars, the longest the largest; negative ones are drawn in another colour. */

import type { ComponentChild } from "preact";

export interface Bar {
  name: ComponentChild;
  value: number;
  shown: string;
}

export function Bars({ of, most, label }: { of: Bar[]; most?: number; label: string }) {
  const largest = most ?? Math.max(...of.map((each) => Math.abs(each.value)), 1e-9);
  return (
    <ol class="bars" aria-label={label}>
      {of.map(({ name, value, shown }, index) => (
        <li key={index}>
          <span class="name" dir="auto">
            {name}
          </span>
          <span class={value < 0 ? "bar below" : "bar"} style={{ "--share": Math.min(1, Math.abs(value) / largest) }} aria-hidden="true" />
          <span class="value">{shown}</span>
        </li>
      ))}
    </ol>
  );
}
