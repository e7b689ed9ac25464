/** Labels of the request's own choice, as bars. */

import type { View } from "../types";
import { Classes } from "./text_classification";

export const zeroShotClassification: View = {
  examples: {
    topics: {
      inputs: ["The waiter was friendly and the soup was hot.", "My flight was late."],
      candidate_labels: ["food", "travel", "politics"],
    },
    "each alone": {
      inputs: ["The waiter was friendly and the soup was hot."],
      candidate_labels: ["food", "service", "travel"],
      multi_label: true,
    },
    "another sentence": {
      inputs: ["Das Essen war gut."],
      candidate_labels: ["Essen", "Reisen"],
      hypothesis_template: "In diesem Text geht es um {}.",
    },
  },
  draw: Classes,
};
