/** Asks for the API key that the server wants; it stays in this page's memory. */

import { useState } from "preact/hooks";

export function Key({ said, use }: { said: string; use: (key: string) => void }) {
  const [typed, type] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    use(typed);
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
        onInput={(event) => type(event.currentTarget.value)}
      />
      <small id="key-about">kept in the memory of this page only: it is gone when the page is closed or loaded anew</small>
      <button class="main" type="submit">
        Use it
      </button>
    </form>
  );
}
