/** A choice in a drawing that its link keeps. */

import { useState } from "preact/hooks";
import { read, written } from "./address";

/** What the address says, if anything, and what sets it there; "" takes it away. */
export function useLook(name: string): [chosen: string, choose: (value: string) => void] {
  const [chosen, set] = useState(read(location.hash).look[name] ?? "");
  const choose = (value: string) => {
    set(value);
    const { look, ...asked } = read(location.hash);
    const { [name]: _, ...others } = look;
    history.replaceState(null, "", written({ ...asked, look: value ? { ...others, [name]: value } : others }));
  };
  return [chosen, choose];
}
