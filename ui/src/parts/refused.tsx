/** A request that a drawing sent beside the one that was asked, and that failed. */

import { words } from "../server";
import type { Reply } from "../types";

export function Refused({ what, reply }: { what: string; reply: Reply }) {
  return (
    <p role="alert" class="error">
      {what}: <b>{reply.status || "failed"}</b> {words(reply)}
    </p>
  );
}
