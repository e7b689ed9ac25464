/** What the archive is: a table of its settings, limits and origin. */

import type { ComponentChild } from "preact";
import type { Drawn, Json, View } from "../types";

function Info({ answer }: Drawn) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="about this archive">
      <table class="facts">
        <tbody>
          {Object.entries(answer as Record<string, Json>).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td dir="auto">{shown(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shown(value: Json): ComponentChild {
  if (Array.isArray(value)) return value.length ? value.map(String).join(", ") : "none";
  if (value === null || typeof value !== "object") return value === null ? "none" : String(value);
  const pairs = Object.entries(value);
  if (pairs.length === 0) return "none";
  return (
    <ul>
      {pairs.map(([name, each]) => (
        <li key={name}>
          {name}: {shown(each)}
        </li>
      ))}
    </ul>
  );
}

export const info: View = { examples: {}, draw: Info };
