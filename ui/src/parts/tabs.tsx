// Tabs as the ARIA practices have them: arrows move, one is in the tab order.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface Props {
  label: string;
  names: Array<[key: string, title: string]>;
  at: string;
  choose: (key: string) => void;
  children: ComponentChildren;
}

export function Tabs({ label, names, at, choose, children }: Props) {
  const id = useId();
  const move = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const list = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')];
    const to = (names.findIndex(([k]) => k === at) + step + names.length) % names.length;
    choose(names[to]![0]);
    list[to]?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {names.map(([key, title]) => (
          <button key={key} role="tab" id={`${id}-${key}`} aria-selected={key === at} aria-controls={`${id}-panel`} tabIndex={key === at ? 0 : -1} onClick={() => choose(key)}>
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${at}`}>
        {children}
      </div>
    </>
  );
}
