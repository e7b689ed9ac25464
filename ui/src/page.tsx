/** The page: what the archive is, its tasks, and the one that is open. */

import { useEffect, useState } from "preact/hooks";
import { type Asked, read, written } from "./address";
import { Key } from "./parts/key";
import { ask, useKey, words } from "./server";
import { Task } from "./task";
import { ordered } from "./tasks";
import type { Body, Info } from "./types";

interface Archive {
  info: Info;
  document: any;
}

/** `turn` counts addresses: one that is opened again is asked again. */
interface Opened extends Asked {
  turn: number;
}

interface Failure {
  status: number;
  said: string;
}

export function Page() {
  const [archive, setArchive] = useState<Archive | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [opened, setOpened] = useState<Opened>({ ...read(location.hash), turn: 0 });
  const open = (asked: Asked) => setOpened((before) => ({ ...asked, turn: before.turn + 1 }));

  const load = async () => {
    const [info, document] = await Promise.all([ask("info"), ask("openapi.json")]);
    const bad = [info, document].find((each) => each.status !== 200);
    setFailure(bad ? { status: bad.status, said: words(bad) } : null);
    if (!bad) setArchive({ info: info.value, document: document.value });
  };
  useEffect(() => {
    load();
    const moved = () => open(read(location.hash));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);

  if (failure?.status === 401) {
    const use = (key: string) => {
      useKey(key);
      load();
    };
    return <Alone><Key said={failure.said} use={use} /></Alone>;
  }
  if (failure) {
    return (
      <Alone>
        <p role="alert" class="error">{failure.said}</p>
        <button type="button" onClick={load}>Try again</button>
      </Alone>
    );
  }
  if (!archive) return <Alone><p class="hint">asking the server …</p></Alone>;
  const { info } = archive;
  const task = info.tasks.includes(opened.task) ? opened.task : info.task;
  const locked = (body: Body, said: string) => {
    const asked = { ...read(location.hash), task, body };
    open(asked);
    history.replaceState(null, "", written(asked));
    setFailure({ status: 401, said });
  };
  return (
    <>
      <Header info={info} task={task} />
      {opened.task && task !== opened.task && (
        <p role="alert" class="error">
          This archive cannot do {opened.task}; {task} is what it does by default.
        </p>
      )}
      <Task key={opened.turn} {...archive} task={task} body={opened.body} locked={locked} />
    </>
  );
}

function Alone({ children }: { children: preact.ComponentChildren }) {
  return (
    <main class="alone">
      <h1>BERT on TorchServe</h1>
      {children}
    </main>
  );
}

function Header({ info, task }: { info: Info; task: string }) {
  useEffect(() => {
    document.title = `${info.model}: ${task}`;
  }, [task]);
  return (
    <header>
      <h1>
        {info.model} <small>{info.version}</small>
      </h1>
      <p class="hint">
        {info.dimensions} dimensions, texts of up to {info.limits.max_length} tokens, {info.runtime} in {info.dtype}
      </p>
      <nav aria-label="tasks">
        {ordered(info.tasks, info.task).map((each) => (
          <a key={each} href={`#${each}`} aria-current={each === task ? "page" : undefined}>
            {each}
          </a>
        ))}
      </nav>
    </header>
  );
}
