/** Asks for the API key that the server wants; it stays in this page's memory. */

import { useState } from "preact/hooks";

export function Key({ said, use }: { said: string; use: (key: string) => void }) {
  const [typed, type] = useState("");
  const wrong = /[^\x21-\x7e]/.test(typed.trim());
  const submit = (event: Event) => {
    event.preventDefault();
    if (!wrong) use(typed);
  };
  return (
    <form class="key" onSubmit={submit}>
      <p role="alert">{said}</p>
      <label for="key">API key</label>
      <input
        id="key"
        type="password"
        autocomplete="off"
        value={typed}
        aria-describedby="key-about"
        aria-invalid={wrong}
        onInput={(event) => type(event.currentTarget.value)}
      />
      {wrong && <small class="wrong">a key has letters, digits and signs of ASCII only, and no spaces</small>}
      <small id="key-about">kept in the memory of this page only: it is gone when the page is closed or loaded anew</small>
      <button class="main" type="submit">
        Use it
      </button>
    </form>
  );
}
